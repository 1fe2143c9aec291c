"""Blocks tile the grid, once and only once."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridscan.scans.blocks import BLOCKS, MAX_BLOCK_POINTS, MIN_BLOCK_POINTS, Grid, block_shape

SHAPES = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@given(SHAPES, st.data())
def test_blocks_tile_the_grid_exactly_once(shape, data):
    block = tuple(data.draw(st.integers(1, n)) for n in shape)
    grid = Grid({f"x{i}": np.arange(n) for i, n in enumerate(shape)}, block)
    seen = np.zeros(shape, dtype=int)
    for index in grid.blocks():
        seen[tuple(grid.region(index).values())] += 1
        lengths = [len(v) for v in grid.values(index).values()]
        assert all(0 < n <= b for n, b in zip(lengths, block, strict=True))
    assert (seen == 1).all()


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=3))
def test_blocks_are_small_enough_and_fit(shape):
    block = block_shape(tuple(shape))
    assert math.prod(block) <= MAX_BLOCK_POINTS
    assert all(1 <= b <= n for b, n in zip(block, shape, strict=True))


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=3), st.integers(1, 100_000))
def test_a_block_takes_no_longer_where_its_points_cost_more(shape, cost):
    block = block_shape(tuple(shape), cost=cost)
    share = max(MIN_BLOCK_POINTS, math.ceil(cost * math.prod(shape) / BLOCKS))
    work = cost * math.prod(block)
    assert work <= min(share, MAX_BLOCK_POINTS) or math.prod(block) == 1
