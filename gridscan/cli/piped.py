"""A card that comes by standard input."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridscan.cards.scans import Scan

NAME = "-"
"""What stands for it on the command line."""

WHERE = "standard input"


def scan() -> "Scan":
    """The scan on standard input, of the size of a card. Raises CardError."""
    from gridscan.cards.base import CardError, parse_toml
    from gridscan.cards.files import CARD_BYTES, decoded
    from gridscan.cards.scans import Scan

    content = sys.stdin.buffer.read(CARD_BYTES + 1) if sys.stdin else b""
    if len(content) > CARD_BYTES:
        raise CardError(f"{WHERE}: found more than {CARD_BYTES / 1e6:g} MB; allowed: up to that")
    if not content.strip():
        raise CardError(f"{WHERE}: found nothing; allowed: the card of a scan")
    return Scan.from_mapping(parse_toml(decoded(content, WHERE), WHERE), WHERE)
