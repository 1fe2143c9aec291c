"""Posterior densities on the grid of a cube: exp(−χ²/2) × priors.

Nuisances are profiled, not marginalised, but where one asks for it: then by Laplace's
approximation. Flat priors are flat in an axis' own scale: in the logarithm where it was scanned so.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import xarray as xr

from gridscan.cubes.regions import check_level, check_whole, crossings, pairs, scales

Priors = Mapping[str, tuple[float, float]]
"""Mean and standard deviation of a Gaussian prior, by axis; the others are flat."""


def posterior(chi2: xr.DataArray, names: Sequence[str], priors: Priors) -> xr.DataArray:
    """Density of axes `names`, per unit of their own scale, the others integrated over.

    Normalised over the scanned range by the trapezoidal rule: the grid decides. Raises ValueError
    for a prior that makes no sense and a cube with gaps.
    """
    from gridscan.cards import given

    chi2 = chi2.compute()
    check_whole(chi2)
    total = chi2
    for name, (mean, sigma) in given.priors(priors, [str(dim) for dim in chi2.dims]).items():
        total = total + ((chi2[name] - mean) / sigma) ** 2
    density = (total - total.min()).copy(data=np.exp(-(total - total.min()).values / 2))
    density = _integrated(density, [d for d in chi2.dims if d not in names])
    density = density / _integrated(density, density.dims)
    attrs = {"long_name": "posterior density", "units": "1", "symbol": "p"}
    return density.transpose(*names).rename("posterior").assign_attrs(attrs)


def marginal(cube: xr.Dataset) -> xr.DataArray:
    """−2 ln of exp(−χ²/2) integrated over nuisances, on the grid: dims as those of χ².

    Raises ValueError for a cube whose numbers do not follow from a study it carries.
    """
    from gridscan.cubes.exact.function import Function

    chi2 = cube["chi2"].compute()
    function = Function.of(cube.assign(chi2=chi2))
    mesh = np.meshgrid(*function.grid(cube), indexing="ij")
    points = np.reshape([one.ravel() for one in mesh], (len(mesh), -1)).T
    found = function.marginal(points).reshape([len(cube[n]) for n in function.names])
    rest = [d for d in chi2.dims if d not in function.names]
    labelled = chi2.isel(dict.fromkeys(rest, 0)).transpose(*function.names).copy(data=found)
    return labelled.expand_dims({d: chi2[d] for d in rest}).transpose(*chi2.dims)


def _integrated(density: xr.DataArray, dims: Sequence[Hashable]) -> xr.DataArray:
    for dim in dims:
        there, _ = scales(density[dim])
        x = there(density[dim].values)
        values = np.trapezoid(density.transpose(..., dim).values, x, axis=-1)
        rest = [d for d in density.dims if d != dim]
        density = xr.DataArray(values, {d: density[d] for d in rest}, rest)
    return density


def level(density: xr.DataArray, cl: float) -> float:
    """The density above which a share `cl` of the posterior lies, the highest there is.

    Cells of the grid count by the mean of their corners: the grid decides.
    """
    mean, volume = density.values, np.ones((1,) * density.ndim)
    for axis, dim in enumerate(density.dims):
        size = mean.shape[axis]
        mean = (np.take(mean, range(size - 1), axis) + np.take(mean, range(1, size), axis)) / 2
        there, _ = scales(density[dim])
        shape = [-1 if i == axis else 1 for i in range(density.ndim)]
        volume = volume * np.diff(there(density[dim].values)).reshape(shape)
    order = np.argsort(mean, axis=None)[::-1]
    share = np.cumsum((mean * volume).ravel()[order])
    last = np.searchsorted(share, check_level(cl) * share[-1])
    return float(mean.ravel()[order[min(last, len(order) - 1)]])


def credible(density: xr.DataArray, cl: float) -> xr.DataArray:
    """Intervals of one axis in which the density is highest: as `regions.intervals`."""
    (name,) = map(str, density.dims)
    density = density.sortby(name)
    x, y, least = density[name].values, density.values, level(density, cl)
    scale, back = scales(density[name])
    inside = y >= least
    edges = back(crossings(scale(x), -y, -least))
    bounds = np.concatenate([x[:1][inside[:1]], edges, x[-1:][inside[-1:]]])
    at_edge = np.zeros(len(bounds), dtype=bool)
    at_edge[:1] |= inside[0]
    at_edge[-1:] |= inside[-1]
    return pairs(bounds, at_edge, density[name]).assign_attrs(cl=cl)
