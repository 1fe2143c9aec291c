"""Pictures of cubes: what is drawn of each, for the methods `plot`, `corner` and `plot_limits`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from gridscan.cubes import answering
from gridscan.cubes.calibrated import significance
from gridscan.cubes.levels import REACH, chosen, level_name
from gridscan.cubes.overview import experiments_of
from gridscan.cubes.regions import check_whole, threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gridscan.cubes.accessor import Cube


class _Wished(NamedTuple):
    """How a cube is to be shown: keywords of all pictures, see `Pictures.plot`."""

    cl: Any
    dof: int | None
    color: str | None
    label: str | None
    filled: bool | None
    title: str | None


class Pictures:
    """What one draws of a cube: methods of the accessor."""

    def plot(
        self: Any,
        x: str | None = None,
        y: str | None = None,
        ax: Any = None,
        *,
        cl: float | Sequence[float] | None = None,
        dof: int | None = None,
        color: str | None = None,
        label: str | None = None,
        filled: bool | None = None,
        title: str | None = None,
        exact: bool = True,
    ) -> "Axes":
        """Allowed regions in the plane of two axes, or Δχ² along the only one of several values.

        Draw several cubes on one `ax`: each has a colour and dashes of its own, and the legend
        says which is which. cl: one level or several (1σ, 90 %, 2σ, 3σ; of significances 3σ and
        5σ); dof: degrees of freedom (2; along one axis, and of significances, 1); color: a name
        of gridscan's palette, or any of matplotlib's; label: in the legend (the experiments);
        filled: a region or its edge (the first is filled, but for significances); title: of the
        picture ("": none); exact: between the points of the grid, too.
        Returns the matplotlib Axes; `gridscan.plots.save(ax, path)` writes png, pdf or svg. Raises
        ValueError for unknown axes, levels and colours, for an `ax` of other axes, a cube with gaps
        and one with no axis of two values.
        """
        return _plot(self, x, y, ax, _Wished(cl, dof, color, label, filled, title), exact)

    def corner(
        self: Any,
        axes: Sequence[str] = (),
        figure: "Figure | None" = None,
        *,
        cl: float | Sequence[float] | None = None,
        dof: int | None = None,
        color: str | None = None,
        label: str | None = None,
        filled: bool | None = None,
        title: str | None = None,
    ) -> "Figure":
        """Regions in the planes of all pairs of axes, with Δχ² along each (1 dof) on the diagonal.

        axes: which, in this order (all parameters of several values); figure: that of another
        cube of the same axes, to draw on; all else as of `plot`. Returns the matplotlib Figure.
        Raises ValueError as `plot`, and for axes of the apparatus that are not named.
        """
        return _corner(self, axes, figure, _Wished(cl, dof, color, label, filled, title))

    def plot_limits(
        self: Any,
        param: str,
        along: str,
        ax: Any = None,
        *,
        cl: float | Sequence[float] | None = None,
        dof: int | None = None,
        color: str | None = None,
        label: str | None = None,
        filled: bool | None = None,
        title: str | None = None,
    ) -> "Axes":
        """Limits on one axis (`limits`) against another, as an exposure or a threshold.

        cl: one level or several (90 %); all else as of `plot`. Returns the matplotlib Axes.
        """
        return _limits(self, param, along, ax, _Wished(cl, dof, color, label, filled, title))


def _plot(
    cube: "Cube", x: str | None, y: str | None, ax: Any, wished: _Wished, exact: bool
) -> "Axes":
    from gridscan import plots

    ax = ax if ax is not None else plots.new_axes()
    loaded = _loaded(cube)
    names = [name for name in loaded.axes if loaded.chi2.sizes[name] > 1]
    if len(names) == 1 and not (x or y):
        shown = _shown(cube, ax, wished, 1, lines=True)
        return plots.curve(_drawn(cube, loaded.profile(*names, exact=exact)), ax, shown)
    x, y = loaded.plane(x, y)
    shown = _shown(cube, ax, wished, 2)
    delta = loaded.region(x, y, list(shown.levels.values()), exact)
    best, sm = None if cube._absolute else loaded.best_fit(exact), cube.standard_model_to_show()
    point = None if best is None else [float(best[x]), float(best[y])]
    return plots.regions(_drawn(cube, delta), ax, shown, point, [sm[x], sm[y]] if sm else None)


def _corner(
    cube: "Cube", names: Sequence[str], figure: "Figure | None", wished: _Wished
) -> "Figure":
    from gridscan import plots

    cube._check_chi2("corner")
    loaded = _loaded(cube)
    names = names or _parameters(cube)
    for name in names:
        loaded.plane(name, None)
    if len(set(names)) < len(names):
        raise ValueError(f"axes: found {', '.join(names)}; allowed: each once")
    if figure is None:
        figure, panels = plots.corner_page(len(names))
    else:
        panels = plots.panels_of(figure, len(names))
    sm, best = cube.standard_model_to_show(), loaded.best_fit()
    untitled = wished._replace(title="")
    for row, column, x, y in plots.ordered(names):
        ax = panels[row, column]
        shown = _shown(cube, ax, untitled, 2)
        delta = loaded.region(x, y, list(shown.levels.values()))
        star = [float(best[x]), float(best[y])]
        plots.regions(delta, ax, shown, star, [sm[x], sm[y]] if sm else None)
    for place, name in enumerate(names):
        ax = panels[place, place]
        plots.curve(
            loaded.profile(name), ax, _shown(cube, ax, untitled._replace(dof=1), 1, lines=True)
        )
    first = len(plots.entries(panels[0, 0])) == 1
    plots.finish(figure, panels, _titled(cube) if wished.title is None and first else wished.title)
    return figure


def _limits(cube: "Cube", param: str, along: str, ax: Any, wished: _Wished) -> "Axes":
    from gridscan import plots

    ax = ax if ax is not None else plots.new_axes()
    usual = REACH if cube._absolute else 0.9
    wished = wished._replace(cl=chosen(usual if wished.cl is None else wished.cl))
    dof = wished.dof or 1
    found = [cube.limits(param, level, dof, along=[along]) for level in wished.cl]
    axis = cube.chi2[param]
    attrs = {"long_name": param} | axis.attrs
    pairs = [(one["lower"].assign_attrs(attrs), one["upper"].assign_attrs(attrs)) for one in found]
    shown = _shown(cube, ax, wished, 1)
    return plots.bounds(pairs, (float(axis.min()), float(axis.max())), ax, shown)


def _loaded(cube: "Cube") -> "Cube":
    """The same in memory, read once. Raises ValueError for a cube with gaps."""
    loaded = cube.only_chi2()
    check_whole(loaded["chi2"])
    found: Cube = loaded.gridscan
    return found


def _parameters(cube: "Cube") -> list[str]:
    """Axes of a corner plot where one does not say. Raises ValueError for one of designs.

    What an apparatus is like is chosen: a picture that minimised over it would be of no apparatus.
    """
    long = [name for name in cube.axes if cube.chi2.sizes[name] > 1]
    designs = answering.designs(xr.Dataset({"chi2": cube.chi2}, attrs=cube.attrs))
    if designs:
        raise ValueError(
            f"corner: {designs[0]} is an axis of the apparatus; first: "
            f".gridscan.at({designs[0]}=…), or name the axes"
        )
    if len(long) < 2:
        raise ValueError(f"corner: needs two axes of two values; this cube has {len(long)}")
    return long


def _shown(cube: "Cube", ax: Any, wished: _Wished, dof: int, lines: bool = False) -> Any:
    """How the next cube on an Axes is shown; dof: where none are wished for.

    Raises ValueError for levels and colours.
    """
    from gridscan import plots

    power = 1.0
    if cube._absolute:
        wished = wished._replace(
            cl=REACH if wished.cl is None else wished.cl, dof=1, filled=bool(wished.filled)
        )
        power = 0.5
    dof = wished.dof or dof
    levels = {level_name(one): threshold(one, dof) ** power for one in chosen(wished.cl)}
    look = plots.next_look(ax, wished.label, wished.color, wished.filled, lines)
    name = wished.label or " + ".join(experiments_of(cube.attrs)) or _titled(cube) or "cube"
    return plots.Shown(name, levels, dof, look, wished.title, _titled(cube))


def _drawn(cube: "Cube", delta: xr.DataArray) -> xr.DataArray:
    """What of a cube is drawn: Δχ², or the significance itself."""
    return significance(delta) if cube._absolute else delta


def _titled(cube: "Cube") -> str:
    return str(cube.attrs.get("title", ""))
