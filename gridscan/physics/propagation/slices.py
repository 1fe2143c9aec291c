"""Evolution of three flavours through slices of matter whose density has a mean and a slope.

In a slice of length L, electrons n̄ + g ξ with ξ from −1 to 1, and the eigenvectors of H at a
density close to n̄,

    S = V e^{−iφ} C e^{−iφ} V†,   φ_i = λ_i L/2,   C ≈ exp(−iK),
    K_ij = √2 G_F L (V†WV)_ij [(n̄ − n) sin x/x + i g j₁(x)],   x = φ_i − φ_j

which is exact in constant matter and of first order in what is left of the density (E. Lisi,
D. Montanino, PRD 56, 1792; arXiv:2303.15527). C = (1 − iK/2)/(1 + iK/2) is unitary. Densities n are
multiples of GRID, so that all paths share their eigenvectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.potential import EV_PER_MOL_PER_CM3, PER_EV_PER_KM, Potential

GRID = 0.1
"""Moles of electrons per cm³ between densities of which eigenvectors are kept."""

IDENTITY = np.eye(3)[..., None]

FIRST, SECOND = [0, 0, 1], [1, 2, 2]
"""Eigenstates that differ, in pairs."""

AT_REST = 1e-6
"""A phase below which sin x/x and j₁ are those of this phase."""

DECIMALS = 9
"""Of lengths and densities of slices that are alike, before and after the middle of a path."""

Density = tuple[int, float]
"""Electrons, in steps of GRID, and neutrons for each of them."""


@dataclass(frozen=True)
class Slice:
    """Electrons in moles per cm³: the mean, and how far they are from it at the end."""

    length_km: float
    electrons: float = 0.0
    slope: float = 0.0
    neutrons_per_electron: float = 1.0

    @property
    def density(self) -> Density:
        """That has eigenvectors, and stands for the slice's own."""
        return round(self.electrons / GRID), self.neutrons_per_electron

    @property
    def away(self) -> float:
        """Electrons from those of that density."""
        return self.electrons - GRID * self.density[0]


@dataclass(frozen=True)
class Eigen:
    """Eigenvectors V (3, 3, n) of H at one density, eigenvalues (3, n), and √2 G_F V†WV: its
    diagonal (3, n), and what is beside it (3, n).
    """

    values: np.ndarray
    vectors: np.ndarray
    diagonal: np.ndarray
    beside: np.ndarray


class Evolution:
    """Amplitudes along paths: (3, columns, n), rows what they become.

    energies: in eV, negative for antineutrinos; points of `felt` before energies make n. Amplitudes
    are those of eigenvectors from slice to slice, so that one density is asked for no others.
    """

    def __init__(self, energies: np.ndarray, felt: Potential, mixing: Mixing):
        self._vacuum = mixing.mass_matrix_ev2 / (2 * energies[:, None, None])
        self._felt = felt
        self._points = len(felt) * len(energies)
        self._kept: dict[Density, Eigen] = {}
        self._turns: dict[tuple[Density | None, Density | None], np.ndarray] = {}

    def through(
        self,
        path: Sequence[Slice],
        start: np.ndarray,
        first: Density | None = None,
        last: Density | None = None,
        kept: dict | None = None,
    ) -> np.ndarray:
        """What comes of amplitudes at the beginning of a path: its slices times them.

        Amplitudes are those of eigenvectors at density `first` before the path, and at `last` after
        it; of flavours for None. kept: what slices of another part of the path have found.
        """
        now = np.array(np.broadcast_to(start, (*start.shape[:2], self._points)), dtype=complex)
        other, scratch = np.empty_like(now), np.empty_like(now)
        at, kept = first, {} if kept is None else kept
        for one in path:
            if one.density != at:
                product(self._turn(at, one.density), now, other, scratch)
                now, other, at = other, now, one.density
            half, first_order = _within(one, self.eigen(one.density), kept)
            now[1:] *= half[:, None]
            if first_order is not None:
                product(first_order, now, other, scratch)
                now, other = other, now
            now[1:] *= half[:, None]
        if at != last:
            product(self._turn(at, last), now, other, scratch)
            return other
        return now

    def eigen(self, density: Density) -> Eigen:
        if density not in self._kept:
            self._kept[density] = self._solved(GRID * density[0], density[1])
        return self._kept[density]

    def _turn(self, old: Density | None, new: Density | None) -> np.ndarray:
        """V'†V, of amplitudes of eigenvectors at one density seen in those at another."""
        if (old, new) not in self._turns:
            self._turns[old, new] = self._turned(old, new)
        return self._turns[old, new]

    def _turned(self, old: Density | None, new: Density | None) -> np.ndarray:
        if old is None or new is None:
            return self._vectors(old) if new is None else _adjoint(self._vectors(new))
        out, scratch = np.empty((2, 3, 3, self._points), dtype=complex)
        product(_adjoint(self._vectors(new)), self._vectors(old), out, scratch)
        return out

    def _vectors(self, density: Density | None) -> np.ndarray:
        return IDENTITY if density is None else self.eigen(density).vectors

    def _solved(self, electrons: float, neutrons_per_electron: float) -> Eigen:
        felt = EV_PER_MOL_PER_CM3 * np.moveaxis(self._felt.at(neutrons_per_electron), -1, 0)
        values, vectors = np.linalg.eigh(self._vacuum + electrons * felt[:, None])
        potential = vectors.conj().swapaxes(-1, -2) @ felt[:, None] @ vectors
        values, vectors, potential = map(_last, (values, vectors, potential))
        diagonal = np.array([potential[i, i].real for i in range(3)])
        return Eigen(values, vectors, diagonal, potential[FIRST, SECOND])


def _within(one: Slice, system: Eigen, kept: dict) -> tuple[np.ndarray, np.ndarray | None]:
    """e^{−iφ} (2, n) beside that of the first, and C (3, 3, n) where density is not that of V.

    kept: what slices before had. One on the other side of a path's middle, of the opposite slope,
    has the same phases.
    """
    key = one.density, round(one.length_km, DECIMALS), round(one.electrons, DECIMALS)
    if key not in kept:
        kept[key] = _phases(one, system)
    half, straight, bent = kept[key]
    if not (one.away or one.slope):
        return half, None
    factor = np.empty(straight.shape, dtype=complex)
    factor.real, factor.imag = straight, one.slope * bent
    return half, unitary(system.beside * factor)


def _phases(one: Slice, system: Eigen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """e^{−iφ} of all but the first, which has none (2, n); (n̄ − n) L sin x/x and L j₁(x) of pairs
    (3, n).
    """
    length = one.length_km * PER_EV_PER_KM
    phase = (system.values + one.away * system.diagonal) * (length / 2)
    first, second = phase = phase[1:] - phase[0]
    half = turned(phase)
    x = np.array([-first, -second, first - second])
    x[np.abs(x) < AT_REST] = AT_REST
    turn = np.array([*half, half[0].conj() * half[1]])
    straight = turn.imag / x
    return half, (length * one.away) * straight, length * (straight - turn.real) / x


def _adjoint(matrices: np.ndarray) -> np.ndarray:
    return matrices.conj().swapaxes(0, 1)


def _last(array: np.ndarray) -> np.ndarray:
    """(points, energies, …) to (…, n)."""
    return np.ascontiguousarray(np.moveaxis(array.reshape(-1, *array.shape[2:]), 0, -1))


def turned(phase: np.ndarray) -> np.ndarray:
    """e^{−iφ} by one tangent of half the angle."""
    tangent = np.tan(phase / 2)
    found = np.empty(phase.shape, dtype=complex)
    weight = 2 / (1 + tangent * tangent)
    found.real = weight - 1
    found.imag = -tangent * weight
    return found


def product(first: np.ndarray, second: np.ndarray, out: np.ndarray, scratch: np.ndarray) -> None:
    """Matrices (3, 3, n) by (3, columns, n) into `out`: faster than einsum."""
    np.multiply(first[:, 0, None], second[0], out=out)
    for j in (1, 2):
        np.multiply(first[:, j, None], second[j], out=scratch)
        out += scratch


def unitary(beside: np.ndarray) -> np.ndarray:
    """2(1 + iK/2)⁻¹ − 1 of Hermitian K without a diagonal: (3, 3, n) of K₀₁, K₀₂, K₁₂."""
    a, b, c = half = 0.5j * beside
    aa, bb, cc = np.square(half.real) + np.square(half.imag)
    a_, b_, c_ = half.conj()
    ac, bc, ba = a * c, b * c_, b * a_
    weight = 2 / (1 + aa + bb + cc - 2j * (ac * b_).imag)
    found = np.empty((3, *half.shape), dtype=complex)
    found[0] = 1 + cc, -(a + bc), ac - b
    found[1] = (a - bc).conj(), 1 + bb, -(c + ba)
    found[2] = (ac + b).conj(), (c - ba).conj(), 1 + aa
    found *= weight
    for i in range(3):
        found[i, i] -= 1
    return found
