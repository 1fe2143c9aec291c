"""The gallery: one page with every picture and table of a folder."""

import os
from pathlib import Path

from gridscan.cards.library import Library
from gridscan.figures import tables
from gridscan.storage.local import put

PAGE = "README.md"


def write_page(folder: Path, library: Library) -> Path:
    """Markdown page of all figures of the catalog that are in the folder."""
    names = [name for name in sorted(library.files["figures"]) if product(folder, name)]
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


def product(folder: Path, name: str) -> Path | None:
    """The picture or table of a figure in the folder."""
    found = (folder / f"{name}{ending}" for ending in (".png", ".csv"))
    return next((path for path in found if path.is_file()), None)


def _entry(name: str, folder: Path, library: Library) -> str:
    card, path = library.load("figures", name), product(folder, name)
    assert path is not None
    picture = f"![{name}]({path.name})\n"
    shown = picture if path.suffix == ".png" else tables.markdown(path, card.panels[0].kind)
    scans = dict.fromkeys(layer.scan for panel in card.scanned for layer in panel.layers)
    cards = [_link(scan, library.files["scans"][scan], folder) for scan in scans]
    lines = [
        f"## {name}",
        "",
        f"**{card.title}**",
        "",
        shown,
        *([card.caption, ""] if card.caption else []),
        f"Card: {_link(name, library.files['figures'][name], folder)}"
        + (f"; scans: {', '.join(cards)}" if cards else "")
        + (f"; table: [{path.name}]({path.name})" if path.suffix == ".csv" else "")
        + ".",
        f"References: {', '.join(map(_reference, card.references))}." if card.references else "",
        "",
    ]
    return "\n".join(lines)


def _link(name: str, where: str, folder: Path) -> str:
    if "://" in where:
        return f"[{name}]({where})"
    return f"[{name}]({os.path.relpath(Path(where).resolve(), folder.resolve())})"


def _reference(text: str) -> str:
    number = text.removeprefix("arXiv:")
    return f"[{text}](https://arxiv.org/abs/{number})" if number != text else text
