"""Finding cards by name: the shipped catalogs, $GRIDSCAN_CATALOG, and extra roots.

A root is a folder, local or at a URL that fsspec reads. Cards may sit in one folder per kind
(experiments/, sources/ …) or anywhere below the root: then their keys tell the kind.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gridscan.cards import given
from gridscan.cards.base import Card, CardError, check_bounds, explain, parse_toml, suggest
from gridscan.cards.clusters import cluster
from gridscan.cards.figures import Figure
from gridscan.cards.files import text_of
from gridscan.cards.injected import spelled
from gridscan.cards.inputs import Conventions, Material, Model
from gridscan.cards.kinds import experiment
from gridscan.cards.parts import MADE_OF, MOST_BELOW
from gridscan.cards.published import Limit
from gridscan.cards.resolved import Inputs, referred
from gridscan.cards.roots import default_roots, files_below
from gridscan.cards.scans import Scan
from gridscan.cards.signatures import kind_of
from gridscan.cards.sources import Source
from gridscan.cards.study import Study
from gridscan.cards.tables import Tables

KINDS: dict[str, Callable[[Mapping[str, Any], str], Card]] = {
    "experiments": experiment,
    "sources": Source.from_mapping,
    "materials": Material.from_mapping,
    "models": Model.from_mapping,
    "conventions": Conventions.from_mapping,
    "scans": Scan.from_mapping,
    "figures": Figure.from_mapping,
    "limits": Limit.from_mapping,
    "clusters": cluster,
}
"""Kinds of cards, by the name of their folder, and what validates one of each."""

_KINDS_OF_CARDS = f"allowed: a folder named {', '.join(KINDS)}, or a key that tells the kind"


Roots = str | Path | Sequence[str | Path]
"""One root of a catalog, or several."""


class Library:
    """Cards by kind and name over several roots. Nothing is read before it is asked for."""

    def __init__(self, roots: Roots = ()):
        roots = [roots] if isinstance(roots, str | Path) else roots
        self.roots = [*default_roots(), *(str(root) for root in roots)]
        self.ignored: list[str] = []
        self._twice: dict[str, str] = {}

    @cached_property
    def files(self) -> dict[str, dict[str, str]]:
        """Location of every card, by kind and name; of a name given twice, the first."""
        found: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        for where in dict.fromkeys(file for root in self.roots for file in files_below(root)):
            kind, name = kind_of(where, KINDS), Path(where).stem
            if kind is None:
                self.ignored.append(where)
                continue
            if name in found[kind]:
                self._twice.setdefault(found[kind][name], where)
            found[kind].setdefault(name, where)
        return found

    def adopt(self, where: str) -> tuple[str, str]:
        """Kind and name of a card by its file, known from now on; a scan if nothing tells."""
        kind, name = kind_of(where, KINDS) or "scans", Path(where).stem
        self.files[kind][name] = where
        return kind, name

    def load(self, kind: str, name: str) -> Any:
        """One validated card. Raises CardError."""
        where = self.files[kind].get(name) if isinstance(name, str) else None
        if where is not None:
            return self.read(kind, where)
        for other in self.ignored:
            if Path(other).stem == name:
                parse_toml(text_of(other), other)
                raise CardError(f"{other}: not a card of any kind; {_KINDS_OF_CARDS}")
        raise CardError(
            f"unknown {kind.removesuffix('s')} {name!r}; {suggest(str(name), self.files[kind])}"
        )

    def read(self, kind: str, where: str) -> Any:
        """One validated card from its file. Raises CardError."""
        if kind in MADE_OF:
            return MADE_OF[kind](self.files[kind], partial(self._extended, kind), where)
        raw = self._extended(kind, where)
        if kind == "experiments" and "observed" in raw:
            raw["observed"] = self._injected(raw["observed"], f"{where}: observed.model")
        return KINDS[kind](raw, where)

    def _injected(self, observed: Any, where: str) -> Any:
        """What is observed, the card of an injected model in the place of its name."""
        if not isinstance(observed, Mapping):
            return observed
        try:
            return spelled(observed, lambda name: self.load("models", name))
        except CardError as error:
            raise CardError(f"{where}: {error}") from None

    def scan(self, scan: str | Path | Scan) -> tuple[Scan, str]:
        """A scan by name, by path of a TOML file, or as it is; with where it came from."""
        if isinstance(scan, Scan):
            return scan, "scan"
        text = str(scan)
        if text.endswith(".toml"):
            return self._scan_in(text), text
        return self.load("scans", text), self.files["scans"][text]

    def _scan_in(self, where: str) -> Scan:
        """A scan from its file. Raises CardError, also for what is a good card of another kind."""
        try:
            return self.read("scans", where)
        except CardError:
            kind = kind_of(where, KINDS) or "scans"
            if kind == "scans" or not self._reads(kind, where):
                raise
        raise CardError(f"{where}: found a card of {kind}; allowed: one of scans")

    def _reads(self, kind: str, where: str) -> bool:
        with suppress(CardError):
            return bool(self.read(kind, where))
        return False

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
        """A scan with all its inputs, with `changes` to its card. Raises CardError.

        What only the changes got wrong is not told as the card's mistake.
        """
        card, where = self.scan(scan)
        changes = given.changes(changes)
        try:
            return self._study(card.changed(changes))
        except CardError as error:
            told = str(error)
            if ".toml:" in told or (changes and self._is_good(card)):
                # of an entry by its path, the table that changes go to is no part
                own = told.startswith("fixed: ") and "fixed" in changes
                raise CardError(told if own else told.removeprefix("fixed: ")) from None
            raise CardError(f"{where}: {told}") from None

    def _study(self, card: Scan) -> Study:
        fixed = {
            path: self._injected(value, f"{path}.model") if path.endswith(".observed") else value
            for path, value in card.fixed.items()
        }
        card = card if fixed == card.fixed else card.model_copy(update={"fixed": fixed})
        inputs = self.inputs(card.experiments, card.model, card.conventions)
        try:
            return Study(scan=card, inputs=inputs)
        except ValidationError as error:
            raise CardError(explain(Study, error)) from None

    def _is_good(self, card: Scan) -> bool:
        with suppress(CardError):
            return bool(self._study(card))
        return False

    def _extended(self, kind: str, where: str) -> dict[str, Any]:
        """A card that may `extend` another of its kind: that one's entries, overridden by key.

        A table that the extending card gives replaces the other's as a whole. Raises CardError.
        """
        found = self._content(where)
        seen, last = [where], found.pop("extends", None)
        while last is not None:
            others = {n: f for n, f in self.files[kind].items() if f not in seen}
            if not isinstance(last, str) or last not in others:
                hint = suggest(str(last), others)
                raise CardError(f"{seen[-1]}: extends: found {last!r}; {hint}")
            if len(seen) > MOST_BELOW:
                raise CardError(f"{where}: extends more than {MOST_BELOW} cards, one after another")
            seen.append(others[last])
            below = self._content(others[last])
            last = below.pop("extends", None)
            found = below | found
        return found

    def _content(self, where: str) -> dict[str, Any]:
        """What is written in a card's file, with its tables. Raises CardError."""
        if other := self._twice.get(where):
            raise CardError(f"{other}: {Path(where).stem!r} is also {where}; rename one")
        raw = parse_toml(text_of(where), where)
        try:
            check_bounds(raw)
        except CardError as error:
            raise CardError(f"{where}: {error}") from None
        return Tables(where).filled(raw)
