"""The gallery: one page with every picture and table of a folder."""

import os
from pathlib import Path

from gridscan.cards.figures import Figure
from gridscan.cards.library import Library
from gridscan.cards.unscanned import Sources
from gridscan.figures import sources, tables
from gridscan.storage.local import put

PAGE = "README.md"


def write_page(folder: Path, library: Library) -> Path:
    """Markdown page of all figures of the catalog that are in the folder."""
    names = [name for name in sorted(library.files["figures"]) if products(folder, name)]
    parts = [
        "# Gallery",
        "",
        "Made by `gridscan figures`; each picture follows from a card in `catalogs/figures`.",
        "",
        *(f"- [{name}](#{name}): {library.load('figures', name).title}" for name in names),
        "",
    ]
    parts += [_entry(name, folder, library) for name in names]
    return put("\n".join(parts), folder / PAGE)


ENDINGS = (".png", ".svg", ".pdf", ".csv")
"""Of pictures and tables; where there are several, the first is shown."""


def products(folder: Path, name: str) -> list[Path]:
    """Pictures or the table of a figure in the folder."""
    found = (folder / f"{name}{ending}" for ending in ENDINGS)
    return [path for path in found if path.is_file()]


def _entry(name: str, folder: Path, library: Library) -> str:
    card, (path, *others) = library.load("figures", name), products(folder, name)
    scans = dict.fromkeys(layer.scan for panel in card.scanned for layer in panel.layers)
    cards = [_link(scan, library.files["scans"][scan], folder) for scan in scans]
    files = [path, *others] if path.suffix in (".csv", ".pdf") else others
    kind = "table" if card.is_table else "picture"
    lines = [
        f"## {name}",
        "",
        f"**{card.title}**",
        "",
        *([shown, ""] if (shown := _shown(path, name, card)) else []),
        *([card.caption, ""] if card.caption else []),
        f"Card: {_link(name, library.files['figures'][name], folder)}"
        + (f"; scans: {', '.join(cards)}" if cards else "")
        + "".join(f"; {kind}: [{file.name}]({file.name})" for file in files)
        + ".",
        f"References: {', '.join(map(_reference, card.references))}." if card.references else "",
        "",
    ]
    return "\n".join(lines)


def _shown(path: Path, name: str, card: Figure) -> str:
    """A picture or a table as a page has it; nothing of what a page cannot show."""
    if isinstance(card.panels[0], Sources):
        return sources.markdown(path)
    if path.suffix == ".csv":
        return tables.markdown(path, card.panels[0].kind)
    return f"![{name}]({path.name})\n" if path.suffix != ".pdf" else ""


def _link(name: str, where: str, folder: Path) -> str:
    if "://" in where:
        return f"[{name}]({where})"
    return f"[{name}]({os.path.relpath(Path(where).resolve(), folder.resolve())})"


def _reference(text: str) -> str:
    number = text.removeprefix("arXiv:")
    return f"[{text}](https://arxiv.org/abs/{number})" if number != text else text
