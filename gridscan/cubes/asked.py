"""Questions to a cube whose answers may lie between its points: methods of the accessor."""

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr

from gridscan.cubes import answering, large, origin, refined
from gridscan.cubes.combine import parts


def _are(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two lists are of the very same objects."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


if TYPE_CHECKING:
    from gridscan.cubes.exact.answers import Answers


class Asked:
    """What one asks of a cube; nothing is minimised over what belongs to the apparatus.

    Exact answers are those of the function between the points; each says whether it is one.
    """

    _dataset: xr.Dataset
    _read: tuple[list[Any], xr.Dataset] | None = None
    _thin: tuple[list[Any], dict[tuple[str, ...], xr.Dataset | None]] | None = None
    _answers: "tuple[xr.Dataset, Answers | None] | None" = None

    if TYPE_CHECKING:

        @property
        def chi2(self) -> xr.DataArray: ...

        @property
        def axes(self) -> tuple[str, ...]: ...

        def of(self, experiment: str) -> xr.Dataset: ...

        def plane(self, x: str | None = None, y: str | None = None) -> tuple[str, str]: ...

        def _axis(self, name: str) -> str: ...

    @property
    def _designs(self) -> list[str]:
        return answering.designs(self._dataset)

    @property
    def _whole(self) -> xr.Dataset:
        """The cube with χ² in memory: read once, as long as no variable of it is replaced."""
        now = [*self._dataset.variables.values(), self._dataset.attrs.get("study")]
        if self._read is None or not _are(self._read[0], now):
            filled = self._filled
            self._read = now, filled.assign(chi2=filled["chi2"].compute())
        return self._read[1]

    @property
    def _filled(self) -> xr.Dataset:
        """The cube with χ² everywhere: of one that was refined, between bounds."""
        self._check_cube()
        return refined.filled(self._dataset)

    def only_chi2(self) -> xr.Dataset:
        """χ² everywhere, with its bounds if it has some, in memory. Raises ValueError if large."""
        self._check_cube()
        large.check(self._dataset)
        found = self._filled
        return found[["chi2", *(name for name in refined.BOUNDS if name in found)]].compute()

    def _over(
        self, dims: Sequence[str], exact: bool, ask: Callable[..., Any], keep: Sequence[str] = ()
    ) -> Any:
        """Answers for every value of some axes, along these, and whether they may be exact.

        keep: axes of which the answers are at all values, too. Raises ValueError for a cube that
        is too large to be computed, and whose study cannot be asked.
        """
        exact = exact and not self._absolute
        cube = self._thinned((*dims, *keep)) if exact else None
        if cube is None:
            large.check(self._dataset)
            cube = self._whole if exact else self._filled
        return answering.over(cube, dims, lambda one: ask(one, one.gridscan._asked(exact)))

    def _thinned(self, keep: tuple[str, ...]) -> xr.Dataset | None:
        """In the place of a large cube: see `large.thinned`; None for others."""
        if not large.is_large(self._dataset):
            return None
        now = [*self._dataset.variables.values(), self._dataset.attrs.get("study")]
        if self._thin is None or not _are(self._thin[0], now):
            self._thin = now, {}
        found = self._thin[1]
        if keep not in found:
            found[keep] = large.thinned(self._dataset, keep)
        return found[keep]

    @property
    def _absolute(self) -> bool:
        """Whether its numbers are above nothing new, and not above their least."""
        return bool(self._dataset.attrs.get(answering.ABSOLUTE))

    def _check_chi2(self, what: str) -> None:
        """Raises ValueError for a cube of significances."""
        if self._absolute:
            raise ValueError(f"{what}: found a cube of significances; allowed: one of χ²")

    def _dof(self, dof: int) -> int:
        """Degrees of freedom: a significance has one."""
        return 1 if self._absolute else dof

    def _asked(self, exact: bool) -> "Answers | None":
        if not exact or self._absolute:
            return None
        cube = self._whole
        if self._answers is None or self._answers[0] is not cube:
            self._answers = cube, answering.asked(cube)
        return self._answers[1]

    def delta(self, exact: bool = True) -> xr.DataArray:
        """χ² above its minimum over all parameters: dims as chi2; NaN if the cube has gaps.

        exact: the minimum is that of the function between the points, not of the grid.
        """
        return self.profile(*self.axes, exact=exact)

    def profile(self, *names: str, exact: bool = True) -> xr.DataArray:
        """Δχ² over the named axes, minimised over all other parameters: dims `names`.

        Nothing is minimised over design axes: those that are not named stay, behind the others,
        and every value of one has its own minimum. exact: others are minimised over continuously;
        attribute `exact` says whether they were. NaN if the cube has gaps.
        """
        kept = [self._axis(name) for name in names]
        if len(set(kept)) < len(kept):
            raise ValueError(f"profile: found an axis twice in {', '.join(kept)}")
        designs = [n for n in self._designs if not (self._absolute and n in kept)]
        parameters = [name for name in kept if name not in designs]
        ask = partial(answering.profile, names=parameters)
        found = self._over(designs, exact, ask, parameters)
        return found.transpose(*kept, ...)

    def best_fit(self, exact: bool = True) -> xr.Dataset:
        """All variables, and the value of every axis, where χ² is least.

        exact: between the points, too; attribute `exact` says whether it is. Dims: those of
        design axes, each value of which has its own. Raises ValueError for a cube with gaps.
        """
        self._check_cube()
        self._check_chi2("best_fit")
        return self._over(self._designs, exact, answering.best_fit)

    def intervals(
        self, name: str, cl: float = 0.9, dof: int = 1, exact: bool = True
    ) -> xr.DataArray:
        """Allowed intervals of one axis, the other parameters minimised over.

        Returns dims (interval, bound) with bound "low", "high", in the axis' unit; coordinate
        `at_edge` is true where the interval goes on beyond the scanned range. exact: edges, and
        islands, are those of the function between the points; attribute `exact` says whether they
        are. Raises ValueError for a cube with design axes.
        """
        if dof < 1:
            raise ValueError(f"dof: found {dof}; allowed: 1 or more")
        self._axis(name)
        self._check_no_design("intervals")
        ask = partial(answering.intervals, name=name, cl=cl, dof=self._dof(dof))
        return self._over((), exact, ask)

    def _check_cube(self) -> None:
        """Raises as `chi2` does, where a dataset has none or no point of it."""
        _ = self.chi2

    def _check_no_design(self, what: str, shown: Sequence[str] = ()) -> None:
        """shown: axes of a plane, of which significances may have any."""
        fine = shown if self._absolute else ()
        if designs := [name for name in self._designs if name not in fine]:
            raise ValueError(
                f"{what}: {', '.join(designs)} belongs to the apparatus, and nothing is minimised "
                "over it; select a value of it, or ask for limits along it"
            )

    def limits(
        self,
        param: str,
        cl: float = 0.9,
        dof: int = 1,
        along: Sequence[str] = (),
        by_experiment: bool = False,
        exact: bool = True,
    ) -> xr.Dataset:
        """Bounds of the allowed interval of one axis that holds the standard model.

        Where the axis has no such point, it is that of least χ². along: axes for each value of
        which there is a limit, besides design axes; the others are minimised over.
        by_experiment: for each alone. exact: see `intervals`. Returns `lower` and `upper` with
        dims ([experiment,] *along), in the axis' unit, NaN where nothing is excluded. Raises
        ValueError for unknown axes and for shared nuisances.
        """
        along = [along] if isinstance(along, str) else along
        kept = [self._axis(name) for name in (param, *along)]
        if len(set(kept)) < len(kept):
            raise ValueError(f"along: {param!r} is the parameter that the limit is on")
        if by_experiment:
            names = list(map(str, parts(self._dataset)["experiment"].values))
            each = [self.of(n).gridscan.limits(param, cl, dof, along, exact=exact) for n in names]
            return xr.concat(each, xr.DataArray(names, dims="experiment", name="experiment"))
        if param in self._designs:
            raise ValueError(f"{param}: belongs to the apparatus; allowed: a parameter")
        anchor = origin.anchor(self._dataset, param)
        dof = self._dof(dof)
        ask = partial(answering.bounds, param=param, anchor=anchor, cl=cl, dof=dof)
        return self._over([*dict.fromkeys((*along, *self._designs))], exact, ask)

    def contours(
        self,
        cl: float = 0.9,
        dof: int = 2,
        x: str | None = None,
        y: str | None = None,
        exact: bool = True,
    ) -> list[xr.DataArray]:
        """Closed or open lines of constant Δχ² in the plane of two axes, the others minimised over.

        Default axes: the first two. Each line has dims (vertex, axis) with axis = [x, y], and an
        attribute `exact`. exact: see `intervals`. Raises ValueError for design axes beside them.
        """
        x, y = self.plane(x, y)
        self._check_no_design("contours", (x, y))
        ask = partial(answering.contours, x=x, y=y, cl=cl, dof=self._dof(dof))
        return self._over((), exact, ask)

    def region(self, x: str, y: str, levels: Sequence[float], exact: bool = True) -> xr.DataArray:
        """Δχ² in a plane, the others minimised over, to be drawn at some levels: dims (y, x).

        exact: on a lattice of its own, fine enough for what is drawn; else at the grid's values.
        """
        x, y = self.plane(x, y)
        self._check_no_design("region", (x, y))
        return self._over((), exact, partial(answering.region, x=x, y=y, levels=levels))
