"""Figures by name: cards → cubes → pictures, tables, one page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gridscan.cards.base import CardError, suggest
from gridscan.cards.figures import Figure, Limits
from gridscan.cards.library import Library
from gridscan.cards.study import Study
from gridscan.cards.unscanned import Drawable, Probabilities, Sources, Spectrum
from gridscan.figures import draw, gallery, probabilities, published, sources, tables
from gridscan.figures.layers import Drawing, drawings
from gridscan.scans import runs


@dataclass(frozen=True)
class Prepared:
    """A figure card with all that it refers to, checked."""

    name: str
    card: Figure
    views: list[tuple[Any, tuple[str, ...], list[Drawing]]]

    @property
    def studies(self) -> dict[str, Study]:
        """Every study behind the figure once, by its key."""
        return {s.key: s for _, _, drawn in self.views for d in drawn for s in d.studies}


def prepare(name: str, library: Library) -> Prepared:
    """A figure card, its layers and limits validated. Raises CardError."""
    card, where = library.load("figures", name), library.files["figures"].get(name, name)
    _beside(card, where, library)
    views: list[tuple[Any, tuple[str, ...], list[Drawing]]] = []
    for number, panel in enumerate(card.panels):
        place = f"{where}: panels.{number}"
        if isinstance(panel, Drawable | Sources):
            if isinstance(panel, Spectrum):
                draw.check_spectrum(panel, library, place)
            elif isinstance(panel, Probabilities):
                probabilities.check(panel, library, place)
            else:
                sources.check(panel, library, place)
            views.append((panel, (), []))
            continue
        for view in panel.views:
            drawn = drawings(panel, view, library, place)
            if isinstance(panel, Limits):
                tables.check_limits(panel, drawn, place)
            published.check_limits(panel, drawn, view, library, place)
            views.append((panel, view, drawn))
        shown = [(drawn, view) for one, view, drawn in views if one is panel]
        draw.check_shown(panel, shown, place)
    return Prepared(name, card, views)


def chosen(library: Library, names: Sequence[str] = (), only: str = "") -> list[str]:
    """Names of figure cards, all by default; `only` keeps those that start with it.

    A name may be the path of a TOML file. Raises CardError for what is no figure.
    """
    known = library.files["figures"]
    names = [_adopted(name, library) for name in names]
    for name in names:
        library.load("figures", name)
    found = [name for name in sorted(names or known) if name.startswith(only)]
    if not found:
        raise CardError(f"no figure starts with {only!r}; {suggest(only, known)}")
    return found


def _adopted(name: str, library: Library) -> str:
    """The name of a card that may be given by its file, known by it from now on."""
    if not name.endswith(".toml"):
        return name
    stem = Path(name).stem
    library.files["figures"][stem] = name
    return stem


def _beside(card: Figure, where: str, library: Library) -> None:
    """Scans that a figure names by their files, in its own folder: known from now on."""
    for scan in {layer.scan for panel in card.scanned for layer in panel.layers}:
        if scan.endswith(".toml"):
            library.files["scans"][scan] = str(Path(where).parent / scan)


FORMATS = ("png", "pdf", "svg")


def build(
    names: Sequence[str],
    library: Library,
    out: Path,
    cubes: Path,
    progress: Callable[[str, int, int], None] = lambda title, done, total: None,
    form: str = "png",
    **how: Any,
) -> Iterator[tuple[str, Path]]:
    """Draw figures into a folder, computing what their cubes lack; last, the page.

    All cards are checked before anything is computed. Yields each name with its file. form: of
    pictures, one of FORMATS; how: `client` or `threads`, as of gridscan.run.
    """
    if form not in FORMATS:
        raise CardError(f"format: found {form!r}; allowed: {', '.join(FORMATS)}")
    ready = [prepare(name, library) for name in names]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CardError(f"{out}: cannot hold figures ({error.strerror})") from None
    for figure in ready:
        for study in figure.studies.values():
            report = partial(progress, f"{figure.name}: {study.scan.title}")
            runs.run(study, cubes, progress=report, **how)
        yield figure.name, _made(figure, library, out, cubes, form)
    yield "gallery", gallery.write_page(out, library)


def _made(figure: Prepared, library: Library, out: Path, cubes: Path, form: str) -> Path:
    if isinstance(figure.card.panels[0], Sources):
        path = out / f"{figure.name}.csv"
        return sources.make(figure.card.panels, library, path, figure.card.title)
    if figure.card.is_table:
        return tables.make(figure.views, cubes, out / f"{figure.name}.csv", figure.card.title)
    try:
        path = out / f"{figure.name}.{form}"
        return draw.picture(figure.card, figure.views, library, cubes, path)
    except ValueError as error:
        if isinstance(error, CardError) or "Parse" not in str(error):
            raise
        # matplotlib reads formulas when it draws them, and shows in several lines where it stopped
        reason, where = " ".join(str(error).split()), library.files["figures"][figure.name]
        raise CardError(f"{where}: a title, label or symbol is no formula: {reason}") from None
