"""From what a material's card says to its nuclides: elements in natural composition, mixtures."""

import csv
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from gridscan.cards.base import CardError, suggest
from gridscan.cards.inputs import Material

COMPOSITIONS = ("nuclides", "elements", "mixture")
"""Keys that say what a material consists of: one of them is given."""

KEYS = {*Material.model_fields, *COMPOSITIONS, "spectators"}


def composed(
    raw: Mapping[str, Any], where: str, material: Callable[[str], Material]
) -> dict[str, Any]:
    """A material's card with its nuclides in the place of elements, spectators and mixture.

    material: the card of a part of a mixture, by name. Raises CardError.
    """
    for key in raw.keys() - KEYS:
        raise CardError(f"{where}: unknown key {key!r}; {suggest(key, KEYS)}")
    given = [key for key in COMPOSITIONS if key in raw]
    if len(given) != 1:
        found = f"found {' and '.join(given)}" if given else "found none"
        raise CardError(f"{where}: {found}; allowed: one of {', '.join(COMPOSITIONS)}")
    if "spectators" in raw and given != ["elements"]:
        raise CardError(f"{where}: spectators: found beside {given[0]}; allowed: beside elements")
    rest = {key: value for key, value in raw.items() if key not in given}
    match given:
        case ["elements"]:
            nuclides = _isotopes(raw["elements"], f"{where}: elements")
            nuclides += _isotopes(rest.pop("spectators", {}), f"{where}: spectators", False)
        case ["mixture"]:
            nuclides = _mixed(_positive(raw["mixture"], f"{where}: mixture"), material)
        case _:
            return dict(raw)
    return rest | {"nuclides": nuclides}


def _positive(amounts: Any, where: str) -> dict[str, float]:
    """A table of amounts greater than zero. Raises CardError."""
    if not isinstance(amounts, dict):
        raise CardError(f"{where}: found {amounts!r}; allowed: a table")
    for name, amount in amounts.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not amount > 0:
            raise CardError(f"{where}.{name}: found {amount!r}; allowed: greater than 0")
    return amounts


@cache
def _isotope_table() -> dict[str, list[dict[str, str]]]:
    """Rows of the shipped table by element."""
    text = resources.files("gridscan").joinpath("catalogs/materials/nuclides.csv").read_text("utf8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(lines):
        rows.setdefault(row["symbol"], []).append(row)
    return rows


def _isotopes(elements: Any, where: str, scatters: bool = True) -> list[dict[str, Any]]:
    """Isotopes of elements in natural composition, abundances scaled to sum to one."""
    nuclides, table = [], _isotope_table()
    for symbol, atoms in _positive(elements, where).items():
        if symbol not in table:
            raise CardError(f"{where}: unknown element {symbol!r}; {suggest(symbol, table)}")
        natural = sum(float(row["abundance"]) for row in table[symbol])
        nuclides += [
            {
                "symbol": symbol,
                "Z": int(row["Z"]),
                "A": int(row["A"]),
                "mass_u": float(row["mass_u"]),
                "atoms": atoms * float(row["abundance"]) / natural,
                "scatters": scatters,
            }
            for row in table[symbol]
        ]
    return nuclides


def _mixed(parts: Mapping[str, float], material: Callable[[str], Material]) -> list[dict[str, Any]]:
    """Nuclides of a mixture by mass: a part of mass m has m/Σ(atoms × mass_u) formula units.

    What several parts contain is counted together. Their sum has the mass 1 u.
    """
    mixed: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, mass in parts.items():
        nuclides = material(name).nuclides
        units = mass / sum(parts.values()) / sum(n.atoms * n.mass_u for n in nuclides)
        for nuclide in nuclides:
            one = mixed.setdefault((nuclide.name, nuclide.scatters), vars(nuclide) | {"atoms": 0.0})
            one["atoms"] += units * nuclide.atoms
    return list(mixed.values())
