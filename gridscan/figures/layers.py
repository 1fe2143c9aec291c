"""Layers of a figure: the studies behind them, and the Δχ² that their cubes give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Scanned
from gridscan.cards.layers import Layer, Variation
from gridscan.cards.library import Library
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study
from gridscan.cubes.answering import ABSOLUTE
from gridscan.cubes.combine import on_axes_of
from gridscan.cubes.refined import filled
from gridscan.cubes.regions import least
from gridscan.scans.stored import store_path
from gridscan.storage import stores


@dataclass(frozen=True)
class Drawing:
    """One layer in one panel: its study, the axes it shows, what counts as Δχ² = 0."""

    layer: Layer
    study: Study
    axes: tuple[str, ...]
    above: str
    reference: Study | None
    others: tuple["Drawing", ...] = ()

    @property
    def studies(self) -> list[Study]:
        own = [self.study, *([self.reference] if self.reference else [])]
        return own + [study for other in self.others for study in other.studies]


def drawings(panel: Scanned, view: tuple[str, ...], library: Library, where: str) -> list[Drawing]:
    """The layers of a panel, each with its study. Raises CardError, naming the layer."""
    found = []
    for number, layer in enumerate(panel.layers):
        try:
            own = _drawing(panel, view, layer, library)
            others = [_varied(panel, view, layer, one, library) for one in layer.band]
            found.append(replace(own, others=tuple(others)))
        except CardError as error:
            raise CardError(f"{where}.layers.{number}: {error}") from None
    return found


def _varied(
    panel: Scanned, view: tuple[str, ...], layer: Layer, one: Variation, library: Library
) -> Drawing:
    """A member of a layer's band."""
    changed = {
        "changes": layer.changes | one.changes,
        "experiment": one.experiment or layer.experiment,
    }
    return _drawing(panel, view, layer.model_copy(update=changed), library)


def _drawing(panel: Scanned, view: tuple[str, ...], layer: Layer, library: Library) -> Drawing:
    if layer.scan not in library.files["scans"]:
        raise CardError(
            f"scan: unknown scan {layer.scan!r}; {suggest(layer.scan, library.files['scans'])}"
        )
    scan = library.load("scans", layer.scan).changed(layer.changes)
    needed = 2 if panel.kind in ("regions", "exclusion", "reach") else 1
    if panel.kind == "exclusion" and (layer.every_x or len(scan.axes) == 1):
        view, needed = view[1:], 1
    scan, names = _showing(scan, view, library)
    names = names or tuple(scan.axes)[:needed]
    if len(names) < needed:
        raise CardError(f"scan {layer.scan!r} has one axis; a panel of {panel.kind} needs two")
    study = library.study(scan)
    for name in layer.at:
        if name not in scan.axes or name in names:
            others = [axis for axis in scan.axes if axis not in names]
            raise CardError(f"at: unknown axis {name!r}; {suggest(name, others)}")
    if name := layer.experiment:
        if name not in study.inputs.experiments:
            known = study.inputs.experiments
            raise CardError(f"experiment: unknown experiment {name!r}; {suggest(name, known)}")
        study.fixed_inputs().check_alone(name)
    above = getattr(panel, "above", "minimum")
    reference = _standard_model(scan, study, library) if above == "standard-model" else None
    return Drawing(layer, study, names, above, reference)


def _showing(scan: Scan, view: Sequence[str], library: Library) -> tuple[Scan, tuple[str, ...]]:
    """The scan with the axes of a view, and their names.

    What is no axis of the scan takes the place, and the range, of an axis that the view does not
    show. "a = b" is one axis that sets both.
    """
    spare = [name for name in scan.axes if name not in view]
    parameters = library.load("models", scan.model).parameters
    renamed, names = {}, []
    for shown in view:
        targets = [target.strip() for target in shown.split("=")]
        name = targets[0] if len(targets) == 1 else targets[0].rpartition("_")[0]
        names.append(name)
        if shown in scan.axes:
            continue
        if unknown := [t for t in targets if t not in parameters]:
            known = [*scan.axes, *parameters]
            raise CardError(f"axes: unknown axis {unknown[0]!r}; {suggest(unknown[0], known)}")
        if not spare:
            raise CardError(f"axes: {shown!r} finds no axis of scan {scan.title!r} to replace")
        entry: dict[str, Any] = {
            "sets": [],
            "multiplies": [],
            "symbol": "",
            "long_name": "",
            "units": "",
        }
        if len(targets) > 1:
            meanings = [parameters[target] for target in targets]
            entry["sets"] = targets
            entry["symbol"] = " = ".join(p.symbol for p in meanings)
            entry["long_name"] = " = ".join(p.long_name for p in meanings)
        renamed[spare.pop(0)] = (name, entry)
    if not renamed:
        return scan, tuple(names)
    content = scan.model_dump(mode="json", exclude_defaults=True)["axes"]
    axes = {}
    for old, axis in content.items():
        new, entry = renamed.get(old, (old, {}))
        axes[new] = {key: value for key, value in (axis | entry).items() if value}
    return scan.changed({"axes": axes}), tuple(names)


def _standard_model(scan: Scan, study: Study, library: Library) -> Study:
    """The same experiments without new couplings, along the axes that set numbers in cards."""
    known = study.inputs.parameters
    content = scan.model_dump(mode="json", exclude_defaults=True)
    kept = {n: content["axes"][n] for n, t in scan.targets.items() if not set(t) & set(known)}
    fixed = {k: v for k, v in scan.fixed.items() if k not in known}
    content |= {
        "title": f"{scan.title}: standard model",
        "model": "sm",
        "axes": kept,
        "fixed": fixed,
    }
    return library.study(Scan.from_mapping(content, "standard model"))


def cube(drawing: Drawing, out: Path) -> xr.Dataset:
    """The complete cube of a layer, at the values that it fixes. Raises CardError, StoreError."""
    path = store_path(drawing.study, out)
    if name := drawing.layer.experiment:
        return _at(drawing, _of(path, name))
    return _at(drawing, stores.read_statistic(path))


def whole(drawing: Drawing, out: Path) -> xr.Dataset:
    """The same with the χ² of each experiment."""
    return _at(drawing, stores.read(store_path(drawing.study, out)))


def _at(drawing: Drawing, ds: xr.Dataset) -> xr.Dataset:
    try:
        return ds.gridscan.at(**drawing.layer.at)
    except ValueError as error:
        raise CardError(f"layer {drawing.layer.label!r}: at: {error}") from None


def _of(path: Path, experiment: str) -> xr.Dataset:
    return stores.read(path).gridscan.of(experiment)[["chi2"]].load()


def delta(drawing: Drawing, ds: xr.Dataset, out: Path) -> xr.DataArray:
    """Δχ² over the axes of a panel, in their order reversed (y, x); others minimised over."""
    kept = drawing.axes[::-1]
    chi2 = filled(ds)["chi2"]
    chi2 = least(chi2, set(chi2.dims) - set(kept)).transpose(*kept)
    zero = least(chi2, kept) if drawing.above == "minimum" else xr.zeros_like(chi2.min())
    if drawing.above == "each-x":
        zero = least(chi2, drawing.axes[-1:])
    if ds.attrs.get(ABSOLUTE):
        zero = xr.zeros_like(chi2.min())
    if drawing.reference is not None:
        path, name = store_path(drawing.reference, out), drawing.layer.experiment
        sm = (_of(path, name) if name else filled(stores.read_statistic(path)))["chi2"]
        zero = on_axes_of(chi2, least(sm, set(sm.dims) - set(chi2.dims)))
    found = (chi2 - zero).transpose(*kept)
    for axis in kept:
        found[axis].attrs.update(ds[axis].attrs)
    return found.rename("delta_chi2").assign_attrs(symbol=r"\Delta\chi^2", long_name="delta chi2")
