"""Commands on what a cube's study says of data: goodness of fit, p-values, toys, nuisances."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cards.base import CardError
from gridscan.cli.common import (
    AsJson,
    CubeName,
    Level,
    cube_of,
    interval_list,
    level,
    mistakes,
    settings,
    union,
)
from gridscan.cli.files import check_picture
from gridscan.cli.output import say, say_json

if TYPE_CHECKING:
    import xarray as xr

Seed = Annotated[int, typer.Option(help="Of the toys.", min=0)]
Picture = Annotated[
    Path | None, typer.Option("--out", "-o", help="Also write a picture (png, pdf, svg).")
]


def goodness(
    cube: CubeName,
    toys: Annotated[int, typer.Option(help="Also from toys, fitted as the data.", min=0)] = 0,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Print how well a cube's study fits its data: χ², degrees of freedom, p-value."""
    ds = _opened(cube)
    with mistakes():
        found = ds.gridscan.goodness_of_fit(toys, seed)
    if as_json:
        return say_json(_finite(found))
    say(f"χ² = {found['chi2']:.2f} of {found['bins']} bins, {found['parameters']} parameters")
    say(f"dof      {found['dof']}")
    say(f"p-value  {found['p_value']:.3g} (asymptotic)")
    if toys:
        say(f"p-value  {found['p_value_of_toys']:.3g} ({toys} toys)")


def p_value(
    cube: CubeName,
    at: Annotated[list[str], typer.Option(metavar="AXIS=VALUE", help="The point; for every axis.")],
    toys: Annotated[int, typer.Option(help="Toys.", min=1)] = 1000,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Print how often toys of a point are farther from it than the data: its p-value."""
    ds, point = _opened(cube), _numbers(at)
    with mistakes():
        found = ds.gridscan.p_value(toys, seed, **point)
    if as_json:
        return say_json(found)
    where = ", ".join(f"{name} = {value:g}" for name, value in point.items())
    say(f"{where}: Δχ² = {found['delta_chi2']:.4g}, p-value {found['p_value']:.3g} ({toys} toys)")


def credible(
    cube: CubeName,
    param: Annotated[list[str] | None, typer.Option(help="An axis.  [default: all]")] = None,
    cl: Level = "0.9",
    prior: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=[MEAN, SIGMA]", help="A Gaussian prior.  [default: flat]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print credible intervals of each axis, the posterior integrated over the others."""
    ds, chosen, priors = _opened(cube), level(cl), _priors(prior or [])
    with mistakes():
        found = {
            name: interval_list(ds.gridscan.credible(name, chosen, priors))
            for name in param or ds.gridscan.axes
        }
    if as_json:
        return say_json({"credibility": chosen, "intervals": found})
    for name, pairs in found.items():
        say(f"{100 * chosen:g} % credible  {name}: {union(pairs)}")


def expected(
    cube: CubeName,
    param: Annotated[str, typer.Option(help="The axis that the limit is on.")],
    cl: Level = "0.9",
    dof: Annotated[int, typer.Option(help="Degrees of freedom.", min=1)] = 1,
    truth: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=VALUE", help="Of the toys.  [default: the standard model]"),
    ] = None,
    along: Annotated[str, typer.Option(help="Bands for each value of this axis.")] = "",
    toys: Annotated[int, typer.Option(help="Toys.", min=1)] = 200,
    seed: Seed = 1,
    out: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Print the limits that toys find: median, 1σ and 2σ bands; and those of the data."""
    from gridscan import plots

    ds, chosen = _opened(cube), level(cl)
    if out is not None:
        check_picture(out, "--out")
        if not along:
            raise CardError("--out: allowed with --along: a band is drawn along an axis")
    with mistakes():
        found = ds.gridscan.expected_limits(
            param, chosen, dof, _numbers(truth or []), toys, seed, along
        )
    if as_json:
        say_json(_records(found, along))
    else:
        say(*_lines(found, along))
    if out is not None:
        bound = "upper" if found["upper"].sel(band=0).notnull().any() else "lower"
        plots.save(plots.band(found, bound, plots.new_axes()), out)


def nuisances(
    cube: CubeName,
    param: Annotated[str, typer.Option(help="Ranked by it.  [default: the first]")] = "",
    out: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Print pulls and widths of nuisances at the best fit, and their impacts on a coupling."""
    from gridscan import plots

    ds = _opened(cube)
    if out is not None:
        check_picture(out, "--out")
    with mistakes():
        found = ds.gridscan.nuisances()
    couplings = [str(name) for name in found["coupling"].values]
    if param not in (*couplings, "") or not couplings:
        raise CardError(f"--param: found {param!r}; allowed: {', '.join(couplings) or 'none'}")
    chosen = param or couplings[0]
    impact = found["impact"].sel(coupling=chosen)
    order = abs(impact).max("side").fillna(0).argsort().values[::-1]
    if as_json:
        every = [_nuisance(found, chosen, i) for i in order]
        say_json({"param": chosen, "nuisances": every, "correlation": _correlation(found)})
    else:
        say(f"{'nuisance':<32}{'pull':>8}{'width/prior':>13}{'impact on ' + chosen:>28}")
        for i in order:
            one = found.isel(nuisance=i)
            shrunk = float(one["width"] / one["prior"])
            moved = [float(impact.isel(nuisance=i).sel(side=side)) for side in ("down", "up")]
            text = f"{moved[0]:+.3g} … {moved[1]:+.3g}"
            say(f"{one['nuisance'].item():<32}{float(one['pull']):>8.2f}{shrunk:>13.2f}{text:>28}")
    if out is not None:
        plots.save(plots.impacts(found, chosen), out)


def _opened(cube: str) -> "xr.Dataset":
    from gridscan.storage import stores

    return stores.read_statistic(cube_of(cube))


def _numbers(pairs: list[str]) -> dict[str, float]:
    """AXIS=VALUE. Raises CardError for what is no number."""
    found = settings(pairs)
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CardError(f"{name}: found {value!r}; allowed: a number")
    return found


def _priors(pairs: list[str]) -> dict[str, tuple[float, float]]:
    """AXIS=[MEAN, SIGMA]. Raises CardError."""
    found = settings(pairs)
    for name, value in found.items():
        if not (isinstance(value, list) and len(value) == 2):
            raise CardError(f"--prior {name}: found {value!r}; allowed: [MEAN, SIGMA]")
    return {name: (float(mean), float(sigma)) for name, (mean, sigma) in found.items()}


def _finite(found: dict[str, Any]) -> dict[str, Any]:
    """With null for what is no number, which JSON has not."""
    return {name: None if value != value else value for name, value in found.items()}


def _records(found: "xr.Dataset", along: str) -> dict[str, Any]:
    every = {
        str(name): _nulls(array.transpose(along, ...) if along else array)
        for name, array in found.data_vars.items()
    }
    axis = {along: found[along].values.tolist()} if along else {}
    head = {key: found.attrs[key] for key in ("param", "cl", "dof")}
    return head | axis | {"band": found["band"].values.tolist()} | every


def _nulls(array: "xr.DataArray") -> Any:
    return array.astype(object).where(array.notnull(), None).values.tolist()


def _lines(found: "xr.Dataset", along: str) -> list[str]:
    """One line a bound, of every value of an axis."""
    values = found[along].values.tolist() if along else [None]
    lines = []
    for i, value in enumerate(values):
        one = found.isel({along: i}) if along else found
        where = f"{along} = {value:g}  " if along else ""
        for bound in ("lower", "upper"):
            cells = "  ".join(_shown(float(x)) for x in one[bound].values)
            data = _shown(float(one[f"observed_{bound}"]))
            lines.append(f"{where}{bound}  −2σ … 2σ: {cells}  observed: {data}")
    return lines


def _shown(value: float) -> str:
    return "none" if value != value else f"{value:.4g}"


def _correlation(found: "xr.Dataset") -> dict[str, Any]:
    """Of nuisances and couplings, row by row."""
    names = [str(name) for name in found["parameter"].values]
    return {"parameters": names, "matrix": _nulls(found["correlation"])}


def _nuisance(found: "xr.Dataset", coupling: str, number: int) -> dict[str, Any]:
    one = found.isel(nuisance=number)
    numbers = {key: float(one[key]) for key in ("value", "prior", "width", "pull")}
    moved = one["impact"].sel(coupling=coupling)
    impact = {f"impact_{side}": float(moved.sel(side=side)) for side in ("down", "up")}
    return {"nuisance": str(one["nuisance"].item())} | _finite(numbers | impact)
