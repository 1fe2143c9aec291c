"""Finding cards by name: the shipped catalogs, $GRIDSCAN_CATALOG, and extra roots.

A root is a folder, local or at a URL that fsspec reads. Cards may sit in one folder per kind
(experiments/, sources/ …) or anywhere below the root: then their keys tell the kind.
"""

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gridscan.cards.base import Card, CardError, explain, parse_toml, suggest
from gridscan.cards.figures import Figure
from gridscan.cards.files import text_of, toml_files, with_tables
from gridscan.cards.inputs import Conventions, Material, Model, Source
from gridscan.cards.kinds import experiment
from gridscan.cards.materials import composed
from gridscan.cards.published import Limit
from gridscan.cards.resolved import Inputs, referred
from gridscan.cards.scans import Scan
from gridscan.cards.study import Study

KINDS: dict[str, Callable[[Mapping[str, Any], str], Card]] = {
    "experiments": experiment,
    "sources": Source.from_mapping,
    "materials": Material.from_mapping,
    "models": Model.from_mapping,
    "conventions": Conventions.from_mapping,
    "scans": Scan.from_mapping,
    "figures": Figure.from_mapping,
    "limits": Limit.from_mapping,
}
"""Kinds of cards, by the name of their folder, and what validates one of each."""

SIGNATURES = {
    "kind": "experiments",
    "panels": "figures",
    "shapes": "limits",
    "axes": "scans",
    "source": "experiments",
    "flux": "sources",
    "elements": "materials",
    "mixture": "materials",
    "nuclides": "materials",
    "structure": "models",
    "sin2_theta_w": "conventions",
    "extends": "experiments",
}
"""A key that only one kind of card has. With none of them, what extends a card is an experiment."""


ROOT = re.compile(rf"(?:[\w+.-]+://[^/{os.pathsep}]*(?::\d+)?)?[^{os.pathsep}]+")
"""One root of $GRIDSCAN_CATALOG: a folder, or a URL, whose colons separate nothing."""


def shipped_root() -> str:
    """The catalogs that come with gridscan, found alike in a wheel and in a checkout."""
    return str(resources.files("gridscan") / "catalogs")


def default_roots() -> list[str]:
    """Shipped catalogs and those named by $GRIDSCAN_CATALOG (separated as in $PATH)."""
    return [shipped_root(), *ROOT.findall(os.environ.get("GRIDSCAN_CATALOG", ""))]


def _files(root: str) -> list[str]:
    """Files of cards below a root. One of $GRIDSCAN_CATALOG that is not there is a warning.

    Raises CardError for any other that cannot be read.
    """
    try:
        return toml_files(root)
    except CardError as error:
        if root not in default_roots()[1:]:
            raise
        warnings.warn(f"$GRIDSCAN_CATALOG: {error}; its cards are left out", UserWarning, 2)
        return []


Roots = str | Path | Sequence[str | Path]
"""One root of a catalog, or several."""


class Library:
    """Cards by kind and name over several roots. Nothing is read before it is asked for."""

    def __init__(self, roots: Roots = ()):
        roots = [roots] if isinstance(roots, str | Path) else roots
        self.roots = [*default_roots(), *(str(root) for root in roots)]
        self.ignored: list[str] = []

    @cached_property
    def files(self) -> dict[str, dict[str, str]]:
        """Location of every card, by kind and name. Raises CardError for a name given twice."""
        found: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        for where in dict.fromkeys(file for root in self.roots for file in _files(root)):
            kind, name = _kind(where), Path(where).stem
            if kind is None:
                self.ignored.append(where)
                continue
            if name in found[kind]:
                raise CardError(f"{where}: {kind} {name!r} is also {found[kind][name]}; rename one")
            found[kind][name] = where
        return found

    def adopt(self, where: str) -> tuple[str, str]:
        """Kind and name of a card by its file, known from now on; a scan if nothing tells."""
        kind, name = _kind(where) or "scans", Path(where).stem
        self.files[kind][name] = where
        return kind, name

    def load(self, kind: str, name: str) -> Any:
        """One validated card. Raises CardError."""
        where = self.files[kind].get(name)
        if where is not None:
            return self.read(kind, where)
        for other in self.ignored:
            if Path(other).stem == name:
                parse_toml(text_of(other), other)
                raise CardError(f"{other}: not a card of any kind; {_KINDS_OF_CARDS}")
        raise CardError(
            f"unknown {kind.removesuffix('s')} {name!r}; {suggest(name, self.files[kind])}"
        )

    def read(self, kind: str, where: str, parts_of: tuple[str, ...] = ()) -> Any:
        """One validated card from its file. Raises CardError.

        parts_of: the files of the mixtures that a material is read for.
        """
        raw = with_tables(parse_toml(text_of(where), where), where)
        raw = self._extended(kind, raw, where)
        if kind == "materials":
            raw = composed(raw, where, lambda name: self._part(name, where, parts_of))
        return KINDS[kind](raw, where)

    def _part(self, name: str, where: str, parts_of: tuple[str, ...]) -> Material:
        """A material that a mixture contains; no mixture contains itself."""
        others = {n: f for n, f in self.files["materials"].items() if f not in (*parts_of, where)}
        if name not in others:
            raise CardError(f"{where}: mixture: found {name!r}; {suggest(name, others)}")
        return self.read("materials", others[name], (*parts_of, where))

    def scan(self, scan: str | Path | Scan) -> tuple[Scan, str]:
        """A scan by name, by path of a TOML file, or as it is; with where it came from."""
        if isinstance(scan, Scan):
            return scan, "scan"
        text = str(scan)
        if text.endswith(".toml"):
            return self.read("scans", text), text
        return self.load("scans", text), self.files["scans"][text]

    def inputs(
        self, experiments: Sequence[str], model: str, conventions: str | None = None
    ) -> Inputs:
        """The cards that experiments, a model and conventions refer to. Raises CardError."""
        cards = {name: self.load("experiments", name) for name in experiments}
        own = {card.conventions: name for name, card in cards.items()}
        if conventions is None and len(own) > 1:
            raise CardError(f"experiments differ in conventions ({', '.join(own)}): name one")
        found = {"model": self.load("models", model), "experiments": cards}
        for kind, names in referred(cards).items():
            found[kind] = {one: self._named(kind, one, name) for one, name in names.items()}
        if conventions is None:
            found["conventions"] = self._named("conventions", *next(iter(own.items())))
        else:
            found["conventions"] = self.load("conventions", conventions)
        try:
            return Inputs(**found)
        except ValidationError as error:
            raise CardError(explain(Inputs, error)) from None

    def _named(self, kind: str, name: str, experiment: str) -> Any:
        """A card that an experiment names; if there is none, the error names the experiment's."""
        try:
            return self.load(kind, name)
        except CardError as error:
            if ".toml:" in str(error):
                raise
            raise CardError(f"{self.files['experiments'][experiment]}: {error}") from None

    def study(self, scan: str | Path | Scan, changes: Mapping[str, Any] | None = None) -> Study:
        """A scan with all its inputs, with `changes` to its card. Raises CardError."""
        card, where = self.scan(scan)
        card = card.changed(changes or {})
        try:
            inputs = self.inputs(card.experiments, card.model, card.conventions)
        except CardError as error:
            raise error if ".toml:" in str(error) else CardError(f"{where}: {error}") from None
        try:
            return Study(scan=card, inputs=inputs)
        except ValidationError as error:
            raise CardError(f"{where}: {explain(Study, error)}") from None

    def _extended(
        self, kind: str, raw: dict[str, Any], where: str, seen: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """A card that `extends` another of its kind: that one's entries, overridden key by key.

        A table that the extending card gives replaces the other's as a whole.
        """
        base = raw.pop("extends", None)
        if base is None:
            return raw
        others = {n: f for n, f in self.files[kind].items() if f not in (*seen, where)}
        if not isinstance(base, str) or base not in others:
            raise CardError(f"{where}: extends: found {base!r}; {suggest(str(base), others)}")
        origin = others[base]
        below = with_tables(parse_toml(text_of(origin), origin), origin)
        return self._extended(kind, below, origin, (*seen, where)) | raw


_KINDS_OF_CARDS = f"allowed: a folder named {', '.join(KINDS)}, or a key that tells the kind"


def _kind(where: str) -> str | None:
    """Kind of card by its folder, else by its keys; None for a file that is no card."""
    folder = Path(where).parent.name
    if folder in KINDS:
        return folder
    try:
        raw = parse_toml(text_of(where), where)
    except CardError:
        return None
    return next((kind for key, kind in SIGNATURES.items() if key in raw), None)
