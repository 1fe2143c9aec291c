"""Complete cubes put where others find them: an index, their cards, pictures, a citation."""

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gridscan.cards.study import Study
from gridscan.cards.written import as_toml
from gridscan.scans.computing import is_quick
from gridscan.storage import copies, publications, stores
from gridscan.storage.guard import Where
from gridscan.storage.local import memory_bytes
from gridscan.storage.places import place
from gridscan.storage.publications import Entry, Publication
from gridscan.storage.targets import Put, target

DRAWN = 20_000_000
"""Points of a cube beyond which it gets no picture."""

NOBODY = "no author named"

CITED = "a publication that the numbers follow from"

Progress = Callable[[str, int, int], None]
"""Told the cube that is copied, how many of its files are, and of how many."""


def publish(
    cubes: Sequence[Where],
    where: str | Path,
    title: str = "",
    authors: Sequence[str] = (),
    progress: Progress = lambda cube, done, total: None,
) -> Publication:
    """Write complete cubes to a folder, a zip file (.zip), or a URL that fsspec writes to.

    With them: their cards as TOML, pictures, README.md, CITATION.cff, and the index from which
    `open_catalog` knows them. What was published there before stays, and is not copied again; the
    index comes last. authors: "Family name, given names", or the name of a group.
    Raises StoreError for a cube that is not complete or not as its manifest says, and where nothing
    can be written.
    """
    places = [place(cube) for cube in cubes]
    before = _before(where)
    known = {entry.key: entry for entry in before.entries}
    with target(where) as put:
        for one in places:
            manifest = copies.manifest_of(one)
            key = str(stores.attributes(one)["sha256"])
            if key not in known or known[key].manifest != manifest.sha256:
                # in a zip file, in order: equal cubes make equal files
                abreast = 1 if str(where).endswith(".zip") else copies.ABREAST
                known[key] = _published(one, put, partial(progress, str(one)), abreast)
        title = title or before.title or _title(known)
        names = tuple(authors) or before.authors
        found = Publication(str(where), tuple(known.values()), title, names)
        put("CITATION.cff", _citation(found).encode())
        put("README.md", _readme(found).encode())
        document = json.dumps(publications.index(found), indent=1)
        put(publications.NAME, document.encode())
    return found


def _before(where: str | Path) -> Publication:
    """What is published there; a zip file is written anew."""
    with suppress(FileNotFoundError):
        if not str(where).endswith(".zip"):
            return publications.read(str(where))
    return Publication(str(where))


def _published(one: Where, put: Put, progress: Callable[[int, int], None], abreast: int) -> Entry:
    """A cube, its card and its picture, written."""
    attrs, manifest = stores.attributes(one), copies.manifest_of(one)
    study = Study.read(attrs)
    name = str(attrs["sha256"])[:16]
    path, card, picture = f"{name}.zarr", f"cards/{name}.toml", f"pictures/{name}.png"
    copies.copy(
        one, lambda key, data: put(f"{path}/{key}", data), progress=progress, abreast=abreast
    )
    said = study.scan.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    put(card, f"# gridscan run {path}\n{as_toml(said)}\n".encode())
    drawn = _drawn(one, study)
    if drawn:
        put(picture, drawn)
    return Entry(
        key=str(attrs["sha256"]),
        title=study.scan.title,
        experiments=tuple(study.scan.experiments),
        model=study.scan.model,
        axes=manifest.about.get("axes", {}),
        references=tuple(map(str, manifest.about.get("references", ()))),
        created=str(attrs.get("created", "")),
        path=path,
        card=card,
        picture=picture if drawn else "",
        bytes=sum(file.size for file in manifest.files.values()),
        manifest=manifest.sha256,
    )


def _drawn(one: Where, study: Study) -> bytes:
    """The picture of a cube; nothing of one that cannot be drawn.

    Between the points where that takes seconds, else by the grid, which its title says.
    """
    from gridscan import plots

    cube = stores.read(one)
    size = max((cube[name].size for name in cube.data_vars), default=0)
    if size > DRAWN or 8 * size > memory_bytes():
        return b""
    with tempfile.TemporaryDirectory() as folder, suppress(ValueError):
        with warnings.catch_warnings():
            # whoever asks the cube is told what a coarse grid leaves open
            warnings.simplefilter("ignore", UserWarning)
            exact = sum(n > 1 for n in study.shape) < 3 and is_quick(study)
            title = None if exact else f"{study.scan.title} (by the grid)"
            drawn = cube.load().gridscan.plot(exact=exact, title=title)
        return plots.save(drawn, Path(folder, "cube.png")).read_bytes()
    return b""


def _title(known: Mapping[str, Entry]) -> str:
    titles = [entry.title for entry in known.values()]
    return titles[0] if len(titles) == 1 else f"{len(titles)} cubes of gridscan"


def _citation(found: Publication) -> str:
    """https://citation-file-format.github.io, version 1.2.0."""
    import yaml

    cited = sorted({text for entry in found.entries for text in entry.references})
    whole = {
        "cff-version": "1.2.0",
        "message": "If you use these cubes, please cite them, and the publications of their data.",
        "type": "dataset",
        "title": found.title,
        "authors": [_author(one) for one in found.authors] or [{"name": NOBODY}],
        "date-released": datetime.now(UTC).date().isoformat(),
        "keywords": sorted({name for entry in found.entries for name in entry.experiments}),
        "identifiers": [{"type": "other", "value": text, "description": CITED} for text in cited],
    }
    text: str = yaml.safe_dump(
        {key: value for key, value in whole.items() if value}, sort_keys=False, allow_unicode=True
    )
    return text


def _author(said: str) -> dict[str, str]:
    family, comma, given = said.partition(",")
    if comma:
        return {"family-names": family.strip(), "given-names": given.strip()}
    return {"name": said.strip()}


def _readme(found: Publication) -> str:
    """What is here, and how it is opened, for who knows none of it."""
    rows = [
        f"| [{_cell(one.title)}]({one.card}) | {', '.join(one.experiments)} | {one.model} | "
        f"{_sizes(one)} | {one.bytes / 1e6:.3g} MB | `{one.path}` |"
        for one in sorted(found.entries, key=lambda one: one.path)
    ]
    pictures = [f"![{_cell(one.title)}]({one.picture})" for one in found.entries if one.picture]
    example = min(one.path for one in found.entries) if found.entries else "CUBE"
    return README.format(
        title=found.title, rows="\n".join(rows), example=example, pictures="\n\n".join(pictures)
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("[", "\\[").replace("]", "\\]")


def _sizes(one: Entry) -> str:
    return " × ".join(f"{name} ({told.get('values', '?')})" for name, told in one.axes.items())


README = """# {title}

Grids of gridscan: χ², or another statistic, over labelled axes. Each folder is a zarr store with a
manifest of the SHA-256 of all its files; `index.json` lists the stores, and `CITATION.cff` says how
to cite them.

| scan | experiments | model | axes | size | folder |
|---|---|---|---|---|---|
{rows}

URL stands for the address of this folder, local or on a server, which need not list it.

```python
import gridscan

cat = gridscan.open_catalog("URL")
cube = cat.cubes.search()[0].open()           # or gridscan.open_cube("URL/{example}")
cube.gridscan.intervals(cube.gridscan.axes[0], cl=0.9)
```

```
gridscan verify URL/{example}    # every file against its manifest; --recompute: points again
gridscan pull URL/{example}      # a copy of one's own
```

With xarray and zarr alone: `xarray.open_zarr("URL/{example}")`.

{pictures}
"""
