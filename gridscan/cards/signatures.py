"""What kind of card a file is: by its folder, else by a key that only one kind has."""

from collections.abc import Collection
from pathlib import Path

from gridscan.cards.base import CardError, parse_toml
from gridscan.cards.files import text_of

SIGNATURES = {
    "jobs": "clusters",
    "kind": "experiments",
    "panels": "figures",
    "shapes": "limits",
    "axes": "scans",
    "source": "experiments",
    "flux": "sources",
    "together": "sources",
    "elements": "materials",
    "mixture": "materials",
    "nuclides": "materials",
    "structure": "models",
    "sin2_theta_w": "conventions",
    "extends": "experiments",
}
"""A key that only one kind of card has. With none of them, what extends a card is an experiment."""


def kind_of(where: str, kinds: Collection[str]) -> str | None:
    """Kind of card by its folder, else by its keys; None for a file that is no card."""
    folder = Path(where).parent.name
    if folder in kinds:
        return folder
    try:
        raw = parse_toml(text_of(where), where)
    except CardError:
        return None
    return next((kind for key, kind in SIGNATURES.items() if key in raw), None)
