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

PAIRED = ((0, 1), (0, 2), (1, 2))

AT_REST = 1e-6
"""A phase below which sin x/x and j₁ are those of this phase."""


@dataclass(frozen=True)
class Slice:
    """Electrons in moles per cm³: the mean, and how far they are from it at the end."""

    length_km: float
    electrons: float = 0.0
    slope: float = 0.0
    neutrons_per_electron: float = 1.0


@dataclass(frozen=True)
class Eigen:
    """Eigenvectors V (3, 3, n) of H at one density, eigenvalues (3, n), and √2 G_F V†WV."""

    values: np.ndarray
    vectors: np.ndarray
    adjoint: np.ndarray
    potential: np.ndarray


class Evolution:
    """Amplitudes of flavours along paths: matrices (3, 3, n), rows what they become.

    energies: in eV, negative for antineutrinos; points of `felt` before energies make n columns.
    """

    def __init__(self, energies: np.ndarray, felt: Potential, mixing: Mixing):
        self._vacuum = mixing.mass_matrix_ev2 / (2 * energies[:, None, None])
        self._felt = felt
        self._kept: dict[tuple[int, float], Eigen] = {}
        self._shape = (3, 3, len(felt) * len(energies))
        self._scratch = np.empty(self._shape, dtype=complex)

    def through(self, path: Sequence[Slice], start: np.ndarray) -> np.ndarray:
        """What comes of amplitudes at the beginning of a path: its slices times them."""
        now = np.array(np.broadcast_to(start, self._shape), dtype=complex)
        other = np.empty_like(now)
        for one in path:
            system = self.eigen(one)
            half, first_order = self._within(one, system)
            product(system.adjoint, now, other, self._scratch)
            other *= half[:, None]
            if first_order is not None:
                product(first_order, other, now, self._scratch)
                now, other = other, now
            other *= half[:, None]
            product(system.vectors, other, now, self._scratch)
        return now

    def eigen(self, one: Slice) -> Eigen:
        """Of the density that stands for that of a slice."""
        key = round(one.electrons / GRID), one.neutrons_per_electron
        if key not in self._kept:
            self._kept[key] = self._solved(GRID * key[0], key[1])
        return self._kept[key]

    def _solved(self, electrons: float, neutrons_per_electron: float) -> Eigen:
        felt = EV_PER_MOL_PER_CM3 * np.moveaxis(self._felt.at(neutrons_per_electron), -1, 0)
        values, vectors = np.linalg.eigh(self._vacuum + electrons * felt[:, None])
        potential = vectors.conj().swapaxes(-1, -2) @ felt[:, None] @ vectors
        values, vectors, potential = map(_last, (values, vectors, potential))
        return Eigen(values, vectors, vectors.conj().swapaxes(0, 1), potential)

    def _within(self, one: Slice, system: Eigen) -> tuple[np.ndarray, np.ndarray | None]:
        """e^{−iφ} (3, n), and C (3, 3, n) where the density is not that of the eigenvectors."""
        length = one.length_km * PER_EV_PER_KM
        away = one.electrons - GRID * round(one.electrons / GRID)
        diagonal = np.array([system.potential[i, i].real for i in range(3)])
        phase = (system.values + away * diagonal) * (length / 2)
        # one phase for all is none
        phase -= phase[0]
        half = turned(phase)
        if not (away or one.slope):
            return half, None
        beside = []
        for i, j in PAIRED:
            x = phase[i] - phase[j]
            x[np.abs(x) < AT_REST] = AT_REST
            turn = half[i].conj() * half[j]
            straight = turn.imag / x
            bent = (straight - turn.real) / x
            beside.append(
                system.potential[i, j] * (length * (away * straight + 1j * one.slope * bent))
            )
        return half, unitary(*beside)


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
    """Matrices (3, 3, n) multiplied into `out`: faster than einsum."""
    np.multiply(first[:, 0, None], second[0], out=out)
    for j in (1, 2):
        np.multiply(first[:, j, None], second[j], out=scratch)
        out += scratch


def unitary(k01: np.ndarray, k02: np.ndarray, k12: np.ndarray) -> np.ndarray:
    """2(1 + iK/2)⁻¹ − 1 of Hermitian K without a diagonal: (3, 3, n)."""
    a, b, c = (0.5j * one for one in (k01, k02, k12))
    a_, b_, c_ = a.conj(), b.conj(), c.conj()
    aa, bb, cc = (np.square(one.real) + np.square(one.imag) for one in (a, b, c))
    crossed = a * c * b_
    determinant = 1 + aa + bb + cc - 2j * crossed.imag
    adjugate = np.array(
        [
            [1 + cc, -a - b * c_, a * c - b],
            [a_ - c * b_, 1 + bb, -c - b * a_],
            [a_ * c_ + b_, c_ - a * b_, 1 + aa],
        ]
    )
    found = adjugate * (2 / determinant)
    for i in range(3):
        found[i, i] -= 1
    return found
