"""Labelled axes cut into blocks: which chunk holds which values. Nothing is computed here."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

MAX_BLOCK_POINTS = 1_000_000
MIN_BLOCK_POINTS = 4096
BLOCKS = 16
"""A grid is cut into about this many blocks, between the two sizes above."""

BLOCKS_PER_THREAD = 4
"""And into at least so many for each thread that is to compute them: all end about together."""

SPARSE = 4
"""By how much larger blocks are for each axis of a grid of which few points are computed, at least:
what is looked at beside a block grows with the number of axes."""

Index = tuple[int, ...]


def block_shape(
    shape: tuple[int, ...],
    slow: Collection[int] = (),
    each: int = 1,
    sparse: bool = False,
    cost: int = 1,
    threads: int = 1,
) -> tuple[int, ...]:
    """Chunk of a grid: its longest side is halved until the block is small enough.

    slow: axes each value of which takes as long as so many points: `each`. Where these take most
    of the time, the sides along them are halved. sparse: whether few of its points are computed.
    cost: how many points of χ² one of its own takes as long as. threads: that compute them.
    """
    block = list(shape)

    def work() -> tuple[int, int]:
        values = math.prod(block[i] for i in slow) if slow else 0
        return each * values, cost * math.prod(block)

    least = MIN_BLOCK_POINTS * (SPARSE ** len(shape) if sparse else 1)
    blocks = max(BLOCKS, BLOCKS_PER_THREAD * threads)
    target = min(MAX_BLOCK_POINTS, max(least, math.ceil(max(work()) / blocks)))
    while max(work()) > target:
        of_values, of_points = work()
        sides = slow if of_values > of_points else range(len(block))
        longest = max(sides, key=block.__getitem__)
        if block[longest] == 1:
            break
        block[longest] = math.ceil(block[longest] / 2)
    return tuple(block)


@dataclass(frozen=True)
class Grid:
    """Values along each axis, and the shape of a block."""

    axes: Mapping[str, np.ndarray]
    block: tuple[int, ...]

    @classmethod
    def over(
        cls,
        axes: Mapping[str, np.ndarray],
        slow: Collection[str] = (),
        each: int = 1,
        sparse: bool = False,
        cost: int = 1,
        threads: int = 1,
    ) -> "Grid":
        """The grid of some axes, cut as `block_shape` says."""
        shape = tuple(len(values) for values in axes.values())
        sides = [i for i, name in enumerate(axes) if name in slow]
        return cls(axes, block_shape(shape, sides, each, sparse, cost, threads))

    def halved(self) -> "Grid | None":
        """In blocks half as long along their longest side; None where they are single points."""
        block = list(self.block)
        longest = max(range(len(block)), key=block.__getitem__, default=None)
        if longest is None or block[longest] == 1:
            return None
        block[longest] = math.ceil(block[longest] / 2)
        return replace(self, block=tuple(block))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(values) for values in self.axes.values())

    @property
    def points(self) -> int:
        return math.prod(self.shape)

    @property
    def blocks_per_axis(self) -> tuple[int, ...]:
        return tuple(math.ceil(n / b) for n, b in zip(self.shape, self.block, strict=True))

    @property
    def total(self) -> int:
        """Number of blocks."""
        return math.prod(self.blocks_per_axis)

    @property
    def sides(self) -> dict[str, int]:
        """Points of a block along each axis."""
        return dict(zip(self.axes, self.block, strict=True))

    def blocks(self) -> Iterator[Index]:
        """Indices of all blocks, in the order of the store."""
        return product(*(range(n) for n in self.blocks_per_axis))

    def region(self, index: Index) -> dict[str, slice]:
        """Where a block sits: a slice along each axis."""
        return {
            name: slice(i * size, min((i + 1) * size, n))
            for name, i, size, n in zip(self.axes, index, self.block, self.shape, strict=True)
        }

    def values(self, index: Index) -> dict[str, np.ndarray]:
        """Values of the axes inside a block."""
        return {name: self.axes[name][part] for name, part in self.region(index).items()}
