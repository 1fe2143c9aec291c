"""Hermitian matrices in flavour, as their real components along a dimension `pair` (schema.PAIRS).

Neutrinos of density matrix ρ that scatter with amplitudes G, outgoing b from incoming a, do so in
proportion to

    tr(ρC) = Σ_p w_p ρ_p C_p        C = G†G, C_aa = Σ_b |G_ab|²

with w = 1 on the diagonal, 2 for real and imaginary parts beside it. Components that an array
leaves out are zero, and one without `pair` is a multiple of the identity: neutrinos of a definite
flavour feel the diagonal alone.

For antineutrinos ρ stands for its transpose, so that C is the same.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from gridscan.schema import FLAVOURS, PAIRS

DIAGONAL = PAIRS[: len(FLAVOURS)]

ENTRIES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Rows and columns of the diagonal, and of what is above it in the order of PAIRS."""

IDENTITY = xr.DataArray(
    np.eye(len(FLAVOURS)),
    dims=("flavour", "flavour_out"),
    coords={"flavour": list(FLAVOURS), "flavour_out": list(FLAVOURS)},
)


def matrix(amplitudes) -> xr.DataArray:
    """G_ab as a matrix, dims (flavour, flavour_out, …): diagonals, and multiples of the identity,
    are those along `flavour` alone and without it.
    """
    full = isinstance(amplitudes, xr.DataArray) and "flavour_out" in amplitudes.dims
    return amplitudes if full else amplitudes * IDENTITY


def added(first, second):
    """The sum of two matrices in flavour, diagonals or multiples of the identity."""
    if any("flavour_out" in getattr(one, "dims", ()) for one in (first, second)):
        return matrix(first) + matrix(second)
    return first + second


def gram(first, second=None):
    """The Hermitian part of A†B, of A†A for one matrix: dims (pair, …), real.

    A, B: as `matrix` takes them; diagonals stay on the diagonal, and multiples of the identity
    without `pair`. Real matrices leave out imaginary parts.
    """
    second = first if second is None else second
    if not any("flavour_out" in getattr(one, "dims", ()) for one in (first, second)):
        product = (np.conj(first) * second).real
        if "flavour" in getattr(product, "dims", ()):
            return product.rename(flavour="pair").assign_coords(pair=list(DIAGONAL))
        return product
    bra, ket = matrix(first), matrix(second)
    dims, entries = _product(bra.variable, ket.variable)
    pairs, parts = [*DIAGONAL, *PAIRS[3::2]], [entries.real]
    if np.iscomplexobj(entries):
        pairs, parts = [*pairs, *PAIRS[4::2]], [*parts, entries[len(FLAVOURS) :].imag]
    coords = {
        name: c for one in (bra, ket) for name, c in one.coords.items() if {*c.dims} <= {*dims}
    }
    return xr.DataArray(np.concatenate(parts), coords | {"pair": pairs}, ("pair", *dims))


def _product(bra: xr.Variable, ket: xr.Variable) -> tuple[tuple, np.ndarray]:
    """Entries of the Hermitian part of A†B, diagonal and above: dims beside, (entries, …)."""
    sizes = {**bra.sizes, **ket.sizes}
    dims = tuple(name for name in sizes if name not in ("flavour", "flavour_out"))
    order = ("flavour", "flavour_out", *dims)
    a, b = (one.set_dims(sizes).transpose(*order).values for one in (bra, ket))

    def entry(row: int, column: int) -> np.ndarray:
        found = np.einsum("b...,b...->...", a[row].conj(), b[column])
        if bra is ket:
            return found
        return (found + np.einsum("b...,b...->...", b[row].conj(), a[column])) / 2

    return dims, np.array([entry(*at) for at in ENTRIES])


def _basis() -> xr.DataArray:
    """∂H/∂H_p: dims (pair, row, column)."""
    basis = np.zeros((len(PAIRS), len(FLAVOURS), len(FLAVOURS)), dtype=complex)
    for (row, column), name in zip(ENTRIES, (*DIAGONAL, *PAIRS[3::2]), strict=True):
        basis[PAIRS.index(name), [row, column], [column, row]] = 1
        if row != column:
            basis[PAIRS.index(name) + 1, [row, column], [column, row]] = 1j, -1j
    return xr.DataArray(basis, {"pair": list(PAIRS)}, ("pair", "row", "column"))


BASIS = _basis()


def components(entries: np.ndarray) -> np.ndarray:
    """Real components (pair, …), in the order of PAIRS, of entries as ENTRIES has them."""
    parts = [part for one in entries[3:] for part in (one.real, one.imag)]
    return np.stack([*entries[:3].real, *parts])


def hermitian(components: xr.DataArray) -> xr.DataArray:
    """The matrix H = Σ_p H_p ∂H/∂H_p of given components: dims (row, column, …), complex."""
    return xr.dot(on(components, PAIRS), BASIS, dim="pair")


def pairs_of(components) -> tuple[str, ...]:
    """The components that an array has, none for a multiple of the identity."""
    if "pair" not in getattr(components, "dims", ()):
        return ()
    return tuple(components["pair"].values.tolist())


def on(components, pairs: Sequence[str]) -> xr.DataArray:
    """The components asked for: those left out are zero."""
    found = pairs_of(components)
    if not found:
        unit = [float(name in DIAGONAL) for name in pairs]
        return components * xr.DataArray(unit, dims="pair", coords={"pair": list(pairs)})
    return (
        components
        if found == tuple(pairs)
        else components.reindex(pair=list(pairs), fill_value=0.0)
    )


def contracted(density: xr.DataArray, templates: xr.DataArray, dim="species") -> xr.DataArray:
    """w_p ρ_p T summed over species: tr(ρC) is then the sum of its products with C_p.

    density: dims (species, pair, …).
    """
    return xr.dot(_weighted(density), templates, dim=dim)


def traced(density: xr.DataArray, coefficients: xr.DataArray) -> xr.DataArray:
    """tr(ρC) = Σ_p w_p ρ_p C_p: the dims of both but `pair`."""
    return xr.dot(_weighted(density), on(coefficients, pairs_of(density)), dim="pair")


def _weighted(density: xr.DataArray) -> xr.DataArray:
    """w_p ρ_p: the one place where components beside the diagonal count twice."""
    twice = [1.0 if name in DIAGONAL else 2.0 for name in density["pair"].values]
    return density * xr.DataArray(twice, dims="pair")
