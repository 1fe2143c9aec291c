"""Roots of catalogs: folders and URLs in which cards are found."""

import os
import re
import warnings
from importlib import resources

from gridscan.cards.base import CardError
from gridscan.cards.files import toml_files

ROOT = re.compile(rf"(?:[\w+.-]+://[^/{os.pathsep}]*(?::\d+)?)?[^{os.pathsep}]+")
"""One root of $GRIDSCAN_CATALOG: a folder, or a URL, whose colons separate nothing."""


def shipped_root() -> str:
    """The catalogs that come with gridscan, found alike in a wheel and in a checkout."""
    return str(resources.files("gridscan") / "catalogs")


def default_roots() -> list[str]:
    """Shipped catalogs and those named by $GRIDSCAN_CATALOG (separated as in $PATH)."""
    return [shipped_root(), *ROOT.findall(os.environ.get("GRIDSCAN_CATALOG", ""))]


def files_below(root: str) -> list[str]:
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
