"""Commands on the catalog: ls, show, search, counts."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridscan.cards.written import as_toml
from gridscan.cli.common import AsJson, Settings
from gridscan.cli.completion import cards
from gridscan.cli.output import note, say, say_json
from gridscan.cli.settings import settings

if TYPE_CHECKING:
    from gridscan.catalog import Catalog

MOST_EVENTS = 1e10
"""Counts that are printed digit by digit."""

MOST_LETTERS = 200
"""Of a title in a list."""


def ls(
    kind: Annotated[
        str | None, typer.Argument(help="experiments, models, scans … or cubes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List cards and saved cubes."""
    from gridscan.cards.base import CardError, suggest
    from gridscan.catalog import open_catalog

    cat = open_catalog()
    kinds = [*cat.kinds, "cubes"]
    if kind is not None and kind not in kinds:
        raise CardError(f"unknown kind {kind!r}; {suggest(kind, kinds)}")
    listed = {k: cards.titles() for k, cards in cat.kinds.items() if kind in (None, k)}
    if kind in (None, "cubes"):
        listed["cubes"] = cat.cubes.titles()
    for file in cat.library.ignored:
        note(f"{file}: not a card, ignored")
    if as_json:
        return say_json(listed)
    width = max((len(name) for names in listed.values() for name in names), default=0)
    for k, names in listed.items():
        say(f"{k}:")
        for name, title in names.items():
            say(f"  {name:<{width}}  {_short(title)}")


def _short(title: str) -> str:
    """A title in a list: somebody else's may be of any length."""
    return title if len(title) <= MOST_LETTERS else f"{title[: MOST_LETTERS - 1]}…"


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A card, or its file, or a cube: its folder, or the start of its hash.",
            autocompletion=cards(cubes=True),
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print a card as validated, or what a cube holds."""
    from gridscan.catalog import open_catalog
    from gridscan.storage import stores
    from gridscan.storage.guard import Elsewhere

    cat = open_catalog()
    path: Path | Elsewhere | None = Path(name).expanduser()
    if not stores.is_store(Path(name).expanduser()):
        is_card = name.endswith(".toml") or cat.knows(name)
        path = None if is_card else cat.cubes.find(name)
    if path is not None:
        attrs = stores.attributes(path)
        if as_json:
            tables = ("study", "inputs_sha256", "references", "software")
            for key in attrs.keys() & {*tables}:
                with suppress(ValueError):
                    attrs[key] = stores.table(attrs[key])
            return say_json(attrs)
        return say(*str(stores.read(path)).split("\n"))
    found = [_card_in(name, cat)] if name.endswith(".toml") else cat.find(name)
    if as_json:
        return say_json({kind: card.model_dump(mode="json") for kind, card in found})
    for kind, card in found:
        say(f"# {kind.removesuffix('s')} {name} (sha256 {card.sha256[:16]}…)")
        say(*as_toml(card.model_dump(mode="json", exclude_none=True)).split("\n"))
        if kind == "models":
            say("parameters: " + ", ".join(card.parameters))


def _card_in(file: str, cat: "Catalog") -> tuple[str, Any]:
    """The card of a file, with its kind. Raises CardError."""
    kind, name = cat.library.adopt(file)
    return kind, cat.kinds[kind][name]


def search(
    text: Annotated[str, typer.Argument(help="Words in the name or title of a card.")] = "",
    experiment: Annotated[str | None, typer.Option(help="Cubes of this experiment.")] = None,
    model: Annotated[str | None, typer.Option(help="Cubes of this model.")] = None,
    axis: Annotated[str | None, typer.Option(help="Cubes that scan this axis.")] = None,
    as_json: AsJson = False,
) -> None:
    """Search cards by words, and saved cubes by experiment, model and axis."""
    from gridscan.cards.base import CardError
    from gridscan.catalog import open_catalog

    cat = open_catalog()
    by_content = experiment or model or axis
    if not text and not by_content:
        raise CardError("search needs words, or --experiment, --model or --axis")
    hits = cat.search(text) if text else []
    words = text.lower().split()
    hits += [
        ("cubes", str(cube.path), cube.title)
        for cube in cat.cubes.search(experiment, model, axis)
        if all(word in cube.title.lower() for word in words)
    ]
    if as_json:
        return say_json([dict(zip(("kind", "name", "title"), hit, strict=True)) for hit in hits])
    for kind, name, title in hits:
        say(f"{kind.removesuffix('s'):<11} {name}  {_short(title)}")


def counts(
    experiment: Annotated[
        str, typer.Argument(help="An experiment's card.", autocompletion=cards("experiments"))
    ],
    model: Annotated[
        str, typer.Option(help="A model's card.", autocompletion=cards("models"))
    ] = "sm",
    changes: Settings = None,
    conventions: Annotated[str | None, typer.Option(help="A conventions card.")] = None,
    as_json: AsJson = False,
) -> None:
    """Expected counts of an experiment: signal by neutrino and nuclide, backgrounds, observed."""
    table = _counts_table(experiment, model, conventions, settings(changes or []))
    if as_json:
        return say_json(table)
    say(f"{table['title']}; model {model}, conventions {table['conventions']}")
    for row in table["signal_parts"]:
        neutrino = _neutrino(row.get("pair", ""))
        say(f"  signal {row.get('nuclide', ''):>6} {neutrino:<6} {_count(row['counts'])}")
    say(f"  {'signal':<19}{_count(table['signal'])}")
    for name, value in table["backgrounds"].items():
        say(f"  {name:<19}{_count(value)}")
    if table["observed"] is not None:
        say(f"  {'observed':<19}{_count(table['observed'], 0)}")


def _count(events: float, digits: int = 3) -> str:
    """Events in print, at their powers of ten where no experiment has as many."""
    return f"{events:12.{digits}f}" if abs(events) < MOST_EVENTS else f"{events:12.4g}"


def _neutrino(pair: str) -> str:
    """ν_e of ee; components beside the diagonal are called what they are."""
    half = pair[: len(pair) // 2]
    return f"ν_{half}" if pair == 2 * half else pair


def _counts_table(
    experiment: str, model: str, conventions: str | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """Total counts of signal by nuclide and pair of flavours, of each background, and observed."""
    from gridscan.api import backgrounds_of, columns_of, counts_of, resolve
    from gridscan.cards.base import CardError

    for key, value in changes.items():
        if isinstance(value, list):
            raise CardError(f"--set {key}: found a list; allowed: one value")
    inputs, theta = resolve(experiment, model, conventions, (), changes)
    apart = [name for name in ("nuclide", "pair") if name in columns_of(inputs, experiment)]
    parts = counts_of(inputs, experiment, theta, keep=apart)
    parts = parts.sum([d for d in parts.dims if d not in apart])
    backgrounds = backgrounds_of(inputs, experiment)
    each = backgrounds.sum([d for d in backgrounds.dims if d != "background"])
    card = inputs.experiments[experiment]
    return {
        "experiment": experiment,
        "title": card.title,
        "model": model,
        "conventions": conventions or card.conventions,
        "settings": changes,
        "signal": float(parts.sum()),
        "signal_parts": [
            {name: str(one[name].item()) for name in apart} | {"counts": float(one)}
            for one in (parts.stack(part=apart).transpose("part", ...) if apart else ())
        ],
        "backgrounds": {str(one["background"].item()): float(one) for one in each},
        "observed": None if card.counts is None else float(card.counts.sum()),
    }
