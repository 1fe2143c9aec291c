"""The functions that users call: names of cards in, labelled arrays out."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import xarray as xr

from gridscan.cards.base import CardError
from gridscan.cards.couplings import labelled
from gridscan.cards.given import whole
from gridscan.cards.library import Library, Roots
from gridscan.cards.resolved import Inputs
from gridscan.cards.scans import Scan
from gridscan.channels.kinds import channel_of
from gridscan.channels.passage import arriving_flavours
from gridscan.channels.recoils import integrate
from gridscan.channels.samples import events
from gridscan.channels.signals import complete, mediator_of
from gridscan.physics.detectors import bin_coordinates
from gridscan.scans import lazy, plans, runs, toy_stores
from gridscan.scans.function import ChiSquare
from gridscan.scans.progress import Progress
from gridscan.schema import BIN_NAMES, VARIABLES
from gridscan.statistics.toys import toys as draw
from gridscan.storage import stores
from gridscan.storage.guard import Where
from gridscan.storage.home import cubes_folder

ScanLike = str | Path | Scan
Changes = Mapping[str, Any] | None
"""Entries of a scan card by path, e.g. {"axes.eps_ee_u.num": 51, "experiments": ["mine"]}."""


def counts(
    experiment: str,
    model: str = "sm",
    conventions: str | None = None,
    *,
    keep: Sequence[str] = (),
    catalog: Roots = (),
    **settings: Any,
) -> xr.DataArray:
    """Expected signal counts of an experiment in its bins.

    settings: couplings of the model (numbers, 1-d sequences or labelled arrays) and entries of
    cards by path, e.g. `**{"coherent-csi-2021.mass_kg": 20.0}`. keep: dims of ("pair",
    "nuclide", "kernel") not to be summed over. catalog: extra roots.
    Returns dims (*keep, *dims of the couplings, *bins). Raises CardError for unknown names.
    """
    inputs, theta = resolve(experiment, model, conventions, catalog, settings)
    return counts_of(inputs, experiment, theta, keep)


def probabilities(
    source: str,
    energy_mev: Any,
    conventions: str = "nufit6",
    model: str = "sm",
    *,
    cos_zenith: Any = None,
    catalog: Roots = (),
    **couplings: Any,
) -> xr.DataArray:
    """With which flavours the neutrinos of a source's card come to a detector.

    energy_mev: a number or a sequence. cos_zenith: of directions through the Earth, −1 from below;
    default: as the source's card says. couplings: of the model, which matter on the way feels
    whatever `nsi_in_propagation` says: numbers, 1-d sequences or labelled arrays.
    Returns dims (species, flavour_out, energy_mev, [cos_zenith], *dims of the couplings). Raises
    CardError for unknown names.
    """
    library = Library(catalog)
    cards = (
        library.load("sources", source),
        library.load("conventions", conventions),
        library.load("models", model),
    )
    return arriving_flavours(*cards, np.atleast_1d(energy_mev), cos_zenith, couplings)


def backgrounds(experiment: str, *, catalog: Roots = (), **settings: Any) -> xr.DataArray:
    """Expected backgrounds of an experiment in its bins: dims (background, *bins).

    settings: entries of cards by path, as in `counts`.
    """
    inputs, _ = resolve(experiment, "sm", None, catalog, settings)
    return backgrounds_of(inputs, experiment)


def backgrounds_of(inputs: Inputs, experiment: str) -> xr.DataArray:
    """Expected backgrounds: dims (background, *bins)."""
    channel = channel_of(inputs, experiment)
    shape = [len(edges) - 1 for edges in channel.edges.values()]
    values = np.reshape([one.counts for one in channel.backgrounds], (-1, *shape))
    attrs = VARIABLES["counts"].attrs | {"experiment": experiment}
    names = [one.name for one in channel.backgrounds]
    coords = {"background": names, **bin_coordinates(channel.edges)}
    return xr.DataArray(values, coords, ("background", *channel.edges), "counts", attrs)


def toys(
    experiment: str,
    number: int,
    seed: int,
    model: str = "sm",
    conventions: str | None = None,
    *,
    first: int = 0,
    catalog: Roots = (),
    **settings: Any,
) -> xr.DataArray:
    """Poisson toys of an experiment, signal and backgrounds: dims (toy, *bins).

    Toy i follows from the seed and i only: any part of a series may be drawn by itself, starting
    at `first`. settings: as in `counts`, one value each.
    """
    for name, given in {"number": number, "seed": seed, "first": first}.items():
        whole(name, given)
    inputs, theta = resolve(experiment, model, conventions, catalog, settings)
    for name, value in theta.items():
        if np.ndim(value):
            raise CardError(f"{name}: found {np.size(value)} values; allowed: one, for toys")
    signal = counts_of(inputs, experiment, theta)
    expected = (signal + backgrounds_of(inputs, experiment).sum("background")).values.ravel()
    drawn = draw(expected, seed, first, number).reshape(number, *signal.shape)
    coords = {"toy": np.arange(first, first + number), **signal.coords}
    return xr.DataArray(drawn, coords, ("toy", *signal.dims), "counts", signal.attrs)


def resolve(
    experiment: str,
    model: str,
    conventions: str | None,
    catalog: Roots,
    settings: Mapping[str, Any],
) -> tuple[Inputs, dict[str, Any]]:
    """Cards with the entries of `settings` changed, and the couplings among `settings`."""
    inputs = Library(catalog).inputs([experiment], model, conventions)
    known = inputs.parameters
    theta = {k: labelled(k, v, known[k]) for k, v in settings.items() if k in known}
    inputs.check_stated(theta)
    return inputs.replaced({k: v for k, v in settings.items() if k not in theta}), theta


def counts_of(
    inputs: Inputs, experiment: str, theta: Mapping[str, Any], keep: Sequence[str] = ()
) -> xr.DataArray:
    """Expected signal: dims (*keep, *theta dims, *bins), keep of `columns_of` but nucleons."""
    keep = [keep] if isinstance(keep, str) else list(keep)
    masses = mediator_of(theta, inputs)
    each = np.ravel(masses).tolist() if masses is not None else [None]
    channels = [channel_of(inputs, experiment, mediator_mev=mass) for mass in each]
    signals = [channel.signal.signals[0] for channel in channels]
    # of parts by nucleons the sum alone has a meaning
    allowed = [name for name in signals[0].charges.columns if name != "nucleons"]
    if unknown := set(keep) - set(allowed):
        raise CardError(f"keep: found {', '.join(sorted(unknown))}; allowed: {', '.join(allowed)}")
    integrate(signal.request for signal in signals if signal.request)
    parts = [events(signal, complete(theta, inputs), keep) for signal in signals]
    total = parts[0]
    if isinstance(masses, xr.DataArray) and masses.ndim:
        total = xr.concat(parts, dim=masses[masses.dims[0]] if masses.coords else masses.dims[0])
    bins = channels[0].edges
    attrs = VARIABLES["counts"].attrs | {"experiment": experiment, "model": inputs.model.title}
    total = total.transpose(*keep, ..., *bins).rename("counts").assign_attrs(attrs)
    for name in BIN_NAMES.keys() & bins.keys():
        for edge in (name, f"{name}_low", f"{name}_high"):
            total[edge].attrs |= BIN_NAMES[name].attrs
    return total


def columns_of(inputs: Inputs, experiment: str) -> tuple[str, ...]:
    """What the signal of an experiment is a sum over."""
    return channel_of(inputs, experiment).signal.signals[0].charges.columns


def scan(scan: ScanLike, changes: Changes = None, *, catalog: Roots = ()) -> xr.Dataset:
    """A scan as a lazy dataset: slice first, compute later. Raises CardError for a bad card."""
    return lazy.dataset(Library(catalog).study(scan, changes))


def chi2(scan: ScanLike, changes: Changes = None, *, catalog: Roots = ()) -> ChiSquare:
    """χ² of a scan as a function of any points on its axes, for samplers and minimisers.

    Built once; see `ChiSquare` for what it takes. Raises CardError for a bad card.
    """
    return ChiSquare(Library(catalog).study(scan, changes))


def plan(
    scan: ScanLike,
    out: str | Path | None = None,
    changes: Changes = None,
    *,
    catalog: Roots = (),
) -> plans.Plan:
    """What a scan will cost: points, blocks, bytes, time. Nothing is written."""
    return plans.plan(Library(catalog).study(scan, changes), out or cubes_folder())


def run(
    scan: ScanLike,
    out: str | Path | None = None,
    client: Any = None,
    threads: int | None = None,
    changes: Changes = None,
    *,
    catalog: Roots = (),
    progress: bool | Progress | None = None,
) -> xr.Dataset:
    """Compute a scan to disk, or what is missing of it, and open its cube.

    out: folder of cubes (default "cubes"); client: a distributed Client, else threads; changes:
    entries of the card to replace; progress: whether to show how far it is (None: in notebooks and
    terminals), or a function that is told (blocks done, of how many). Raises CardError for a bad
    card, ScanFailed if blocks failed (the others are kept). Ctrl-C ends it within two seconds,
    and what is complete is kept: the next call goes on from there.
    """
    study = Library(catalog).study(scan, changes)
    return runs.opened(runs.run, study, out=out, client=client, threads=threads, progress=progress)


def feldman_cousins(
    scan: ScanLike,
    toys: int = 1000,
    seed: int = 1,
    changes: Changes = None,
    *,
    catalog: Roots = (),
    **how: Unpack[runs.How],
) -> xr.Dataset:
    """What toys say at every point of a scan, computed to disk as by `run`, and opened.

    how: out, client, threads and progress, as for `run`.
    Returns delta_chi2 of the data and the p_value of every point, over the axes: the share of its
    toys with as much Δχ² or more. A point is allowed at a level where its p-value is at least one
    minus that; critical_delta_chi2 (cl, *axes) is the Δχ² from which it is excluded. Raises as
    `run`.
    """
    study = Library(catalog).study(scan, changes)
    return runs.opened(partial(toy_stores.run, toys=toys, seed=seed), study, **how)


def open_cube(path: Where) -> xr.Dataset:
    """A saved cube as a lazy dataset: of a folder, a zip file, or a URL that fsspec reads.

    Raises StoreError if it is none, or cannot be read.
    """
    return stores.read(path)
