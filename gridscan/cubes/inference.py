"""Questions whose answers need more than the numbers of a cube: toys, priors, nuisances.

A cube carries its study: data are drawn and fitted anew, within the ends of its axes.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import xarray as xr

from gridscan.cubes import bands, origin, posteriors
from gridscan.cubes.calibrated import calibrated

if TYPE_CHECKING:
    from gridscan.cards.study import Study
    from gridscan.scans.ensembles import Place


class Inference:
    """What the accessor of a cube knows besides its numbers: see `accessor.Cube`."""

    if TYPE_CHECKING:
        _dataset: xr.Dataset

        @property
        def chi2(self) -> xr.DataArray: ...

        @property
        def axes(self) -> tuple[str, ...]: ...

        def _axis(self, name: str) -> str: ...

        def _check_chi2(self, what: str) -> None: ...

    def calibrated(self, dof: int = 0) -> xr.Dataset:
        """Of what `gridscan.feldman_cousins` returns: a cube whose regions are those of its toys.

        Its χ² is the Δχ² that has the p-values of toys for `dof` (default: the number of axes) of
        freedom: with this `dof`, `intervals`, `contours` and `plot` are of Feldman and Cousins.
        Raises ValueError for a dataset without p-values.
        """
        axes = self._dataset["p_value"].ndim if "p_value" in self._dataset else 1
        return calibrated(self._dataset, dof or max(1, axes))

    def goodness_of_fit(self, toys: int = 0, seed: int = 1) -> dict[str, float]:
        """χ² at the best fit, bins, parameters, dof, and the p-value, asymptotic and of toys.

        Axes that were selected from stay where they are; designs have to be. Raises ValueError
        for a cube that does not carry one study.
        """
        from gridscan.scans.goodness import goodness

        return goodness(self._place({}), toys, seed).as_dict

    def p_value(self, toys: int = 1000, seed: int = 1, **point: float) -> dict[str, float]:
        """Δχ² of the data at a point, and the share of its toys with as much or more.

        Raises ValueError for a point without a value of every axis, or with one beyond its ends,
        but for the standard model's; and for a number of toys, or a seed, that makes no sense.
        """
        from gridscan.scans.goodness import p_value

        if missing := [name for name in self.axes if name not in point]:
            raise ValueError(f"found no {', '.join(missing)}; allowed: a value of every axis")
        delta, share = p_value(self._place(point), toys, seed)
        return {"delta_chi2": delta, "p_value": share, "toys": toys}

    def nuisances(self) -> xr.Dataset:
        """Of each nuisance at the best fit: value, prior (σ), width (σ of the fit), pull.

        Also the correlation of nuisances and couplings (parameter, other), and the impact of each
        nuisance (side, nuisance, coupling): how far the best fit of a coupling moves where the
        nuisance is held one width below or above its value. NaN where data do not tell.
        """
        from gridscan.scans.nuisances import nuisances

        found = nuisances(self._place({}))
        symbols = [
            str(self._dataset[str(name)].attrs.get("symbol", ""))
            for name in found["coupling"].values
        ]
        return found.assign_coords(symbol=("coupling", symbols))

    def posterior(
        self, *names: str, priors: posteriors.Priors | None = None, marginal: bool = False
    ) -> xr.DataArray:
        """Posterior density over the named axes, the others integrated over: dims `names`.

        priors: mean and σ of a Gaussian, by axis; others are flat in the axis' own scale.
        Nuisances are profiled; marginal: integrated over, see `ChiSquare.marginal`. Raises
        ValueError for unknown axes, a cube with gaps, and one without its study where `marginal`.
        """
        self._check_chi2("posterior")
        kept = [self._axis(name) for name in names or self.axes]
        chi2 = posteriors.marginal(self._dataset) if marginal else self.chi2
        return posteriors.posterior(chi2, kept, priors or {})

    def credible(
        self,
        name: str,
        cl: float = 0.9,
        priors: posteriors.Priors | None = None,
        marginal: bool = False,
    ) -> xr.DataArray:
        """Credible intervals of one axis, those of highest density: as `intervals`.

        priors, marginal: see `posterior`.
        """
        return posteriors.credible(self.posterior(name, priors=priors, marginal=marginal), cl)

    def expected_limits(
        self,
        param: str,
        cl: float = 0.9,
        dof: int = 1,
        truth: Mapping[str, float] | None = None,
        toys: int = 200,
        seed: int = 1,
        along: str = "",
    ) -> xr.Dataset:
        """Limits on one axis that toys of a truth find: median, 1σ and 2σ bands, and the data's.

        truth: values of axes (default: the standard model's). along: an axis for each value of
        which there are bands, each of other toys. Returns `lower` and `upper` (band[, along]) with
        band −2 … 2, `observed_lower` and `observed_upper`; NaN where there is no limit within the
        range. Raises ValueError as `limits`, and for axes of which no truth is known.
        """
        self._axis(param)
        if not along:
            return self._expected(param, cl, dof, truth or {}, toys, (seed, 0))
        values = self._dataset[self._axis(along)]
        every = [
            self._expected(param, cl, dof, {**(truth or {}), along: value}, toys, (seed, series))
            for series, value in enumerate(values.values.tolist())
        ]
        return xr.concat(every, values, combine_attrs="override")

    def _expected(
        self,
        param: str,
        cl: float,
        dof: int,
        truth: Mapping[str, float],
        toys: int,
        seed: tuple[int, int],
    ) -> xr.Dataset:
        from gridscan.scans.expected import profiles

        study = self._study()
        standard = {name: study.standard_value(name) for name in study.scan.axes}
        known = {name: value for name, value in standard.items() if value is not None}
        place = self._place(known | dict(truth))
        unknown = [n for n in self.axes if n not in {*known, *truth, *place.held}]
        if unknown:
            raise ValueError(f"truth: found no {', '.join(unknown)}; it has no standard model")
        found = profiles(place, param, toys, *seed)
        toy, data = (one.assign_coords({param: self._dataset[param]}) for one in found)
        return bands.expected(toy, data, param, origin.anchor(self._dataset, param), cl, dof)

    def _place(self, point: Mapping[str, float]) -> "Place":
        """A point of the cube's study; what the cube has one value of is held. Raises ValueError.

        Where nothing is said of a parameter, it is anywhere: fits move it.
        """
        from gridscan.scans.ensembles import Place

        study = self._study()
        cube, held, at = self._dataset, [], {}
        _check(study, point)
        for name in study.scan.axes:
            if name in point:
                at[name] = float(point[name])
            elif name in cube.coords and cube[name].size == 1:
                at[name] = float(cube[name].item())
                held.append(name)
            elif name not in cube.coords or study.role(name) == "design":
                raise ValueError(f"{name}: the cube is not at a value of it; select one first")
            else:
                at[name] = float(cube[name][0])
        return Place.of(study, at, held)

    def _study(self) -> "Study":
        studies = origin.studies_of([self._dataset])
        if len(studies) != 1:
            raise ValueError(
                f"found {len(studies)} studies; allowed: a cube of one scan, which knows its "
                "experiments"
            )
        return studies[0]


def _check(study: "Study", point: Mapping[str, float]) -> None:
    """Raises CardError for values of no axis, and for those that no fit of the study looks at."""
    from gridscan.cards.base import CardError, suggest
    from gridscan.cards.given import number

    ends = study.scan.points()
    for name, given in point.items():
        if name not in ends:
            raise CardError(f"{name}: no such axis; {suggest(name, ends)}")
        value, low, high = number(name, given), ends[name].min(), ends[name].max()
        if not low <= value <= high and value != study.standard_value(name):
            raise CardError(f"{name}: found {value:g}; allowed: from {low:g} to {high:g}")
