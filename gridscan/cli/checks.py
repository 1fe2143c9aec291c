"""The command check: is a card good."""

from typing import TYPE_CHECKING

from gridscan.cli.common import CardName, Experiments, Settings, study_of
from gridscan.cli.output import say

if TYPE_CHECKING:
    from gridscan.cards.library import Library


def check(card: CardName, experiments: Experiments = None, changes: Settings = None) -> None:
    """Validate a card of any kind, by name or as a file, and what it refers to. Writes nothing.

    Of a scan, and of what else is computed from the card, some points are.
    """
    from gridscan.cards.library import Library
    from gridscan.scans.layout import Layout

    library = Library()
    if experiments or changes:
        found = [("scans", card)]
    elif card.endswith(".toml"):
        found = [library.adopt(card)]
    else:
        # what is computed from comes first
        named = dict.fromkeys(("figures", "experiments", "scans", *library.files))
        found = [(kind, card) for kind in named if card in library.files[kind]]
    for kind, name in found or [("scans", card)]:
        if kind == "figures":
            say(f"{card}: good figure {_figure(name, library)}")
        elif kind == "experiments":
            _experiment(name, library)
            say(f"{card}: good experiment")
        elif kind == "scans":
            study, _ = study_of(card, experiments, changes)
            Layout.of(study).check_computable(every=True)
            points = " × ".join(map(str, study.shape))
            say(f"{card}: good ({points} points, sha256 {study.key[:16]}…)")
        else:
            library.load(kind, name)
            say(f"{card}: good card of {kind}")


def _figure(name: str, library: "Library") -> str:
    """What a good figure has. Raises CardError."""
    from gridscan import figures
    from gridscan.scans.layout import Layout

    ready = figures.prepare(name, library)
    for study in ready.studies.values():
        Layout.of(study).check_computable(every=True)
    return f"({len(ready.views)} panels, {len(ready.studies)} cubes)"


def _experiment(name: str, library: "Library") -> None:
    """Raises CardError for an experiment that no scan can use."""
    from gridscan.cards.study import Study
    from gridscan.scans.layout import Layout

    inputs = library.inputs([name], "sm")
    scan = {
        "title": name,
        "model": "sm",
        "experiments": [name],
        "conventions": inputs.experiments[name].conventions,
    }
    content = {"scan": scan, "inputs": inputs.model_dump(mode="json")}
    where = library.files["experiments"][name]
    Layout.of(Study.from_mapping(content, where)).check_computable(every=True)
