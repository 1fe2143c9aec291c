"""Mutants of every shipped card: each is a mistake told in one line, or works.

python benchmarks/mutated_cards.py [NUMBER [SEED]] makes so many, one at a time, and ends with 1
where any raised something else, warned, or took longer than HANGS_S. Mutant i follows from the seed
and i alone: python benchmarks/mutated_cards.py --one I [SEED] shows it, with its traceback.
"""

import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HANGS_S = 10
"""Time on a processor that is too long; by the clock it is BUSY times that: others may use it."""

BUSY = 6
MEMORY_BYTES = 4_000_000_000
"""Address space of the process: what asks for more fails instead of swapping."""

KEYS = ("", "kind", "table", "column", "extends", "sigma", "a b", "a.b", "é", "\u2028", "x" * 300)
TEXTS = ("", "nsi", "sm", "csi", "\0", "../../x", "a::http://h/x", "$x^{$", "1.0", "é\n")
NUMBERS = (
    *(0, 1, -1, 2, 7, 10**6, 2**63, -(10**30), 10**400, True),
    *(0.0, -0.0, 0.5, -0.5, 1.5, 1e-12, 1e-59, 1e-160, 1e12, 1e30, 1e59, 1e160, 1e300),
    *(float("nan"), float("inf"), -float("inf")),
)
SPANS = (b",", b";", b"\t", b" ", b'"', b"#", b"\n", b"\r", b"1,5", b"nan", b"-", b"\0", b"\xff")


CLOCKS = {
    signal.ITIMER_VIRTUAL: (signal.SIGVTALRM, HANGS_S),
    signal.ITIMER_REAL: (signal.SIGALRM, BUSY * HANGS_S),
}


class TooLong(BaseException):
    """A mutant that hangs."""


def main(number: int, seed: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    began, found = time.perf_counter(), Counter()
    with mutants(seed) as outcome:
        for i in range(number):
            told, error = outcome(i)
            found[told] += 1
            if error is not None:
                print(f"mutant {i}: {told}: {error}", flush=True)
    for told, times in found.most_common():
        print(f"{times:7d}  {told}")
    print(f"{number:7d}  mutants in {time.perf_counter() - began:.0f} s")
    return int(bool(found.keys() - {GOOD, REFUSED}))


GOOD, REFUSED = "works", "refused in one line"

Outcome = tuple[str, BaseException | None]


@contextmanager
def mutants(seed: int, work: bool = True) -> Iterator[Callable[[int], Outcome]]:
    """What becomes of mutant i of a seed. work: whether something is computed from each."""
    from gridscan.cards.library import Library
    from gridscan.cards.roots import shipped_root

    with tempfile.TemporaryDirectory() as folder:
        shipped = Path(folder, "shipped")
        shutil.copytree(shipped_root(), shipped)
        cards = sorted(shipped.rglob("*.toml"))
        library = Library()

        def outcome(i: int) -> Outcome:
            random_ = random.Random(f"{seed} {i}")
            card = random_.choice(cards)
            kind, home = card.parent.name, Path(folder, "mine", card.parent.name)
            home.mkdir(parents=True)
            for tables in card.parent.glob("tables"):
                shutil.copytree(tables, home / "tables")
            mutated(random_, card, home / "mutant.toml")
            try:
                return judged(lambda: used(kind, card.stem, folder, library, work))
            finally:
                shutil.rmtree(home.parent)

        yield outcome


def judged(use: Callable[[], None]) -> Outcome:
    """What using a mutant comes to, and the error that is no user's."""
    from gridscan.cards.base import CardError

    for clock, (told, seconds) in CLOCKS.items():
        signal.signal(told, _too_long)
        signal.setitimer(clock, seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            use()
    except CardError as error:
        one_line = str(error).isprintable() and 0 < len(str(error)) <= 2000
        return (REFUSED, None) if one_line else ("not one line", error)
    except TooLong as error:
        return f"longer than {HANGS_S} s", error
    except Exception as error:
        return type(error).__name__, error
    finally:
        for clock in CLOCKS:
            signal.setitimer(clock, 0)
    return GOOD, None


def _too_long(*_: Any) -> None:
    raise TooLong


def used(kind: str, of: str, folder: str, shipped: Any, work: bool) -> None:
    """What anybody does with a card of its kind; others are those of the card that it was."""
    from gridscan import figures
    from gridscan.cards.library import Library
    from gridscan.scans.layout import Layout

    library = Library([f"{folder}/mine"])
    card = library.load(kind, "mutant")
    if kind == "figures":
        figures.prepare("mutant", library)
    if kind in ("figures", "limits"):
        return
    study = library.study("mutant") if kind == "scans" else _study(kind, of, card, library, shipped)
    if work and kind == "scans":
        # of many experiments, templates alone take longer than a mutant may
        study = library.study("mutant", {"experiments": [card.experiments[0]]})
    if work:
        Layout.of(study).check_computable()


def _study(kind: str, of: str, card: Any, library: Any, shipped: Any) -> Any:
    """A study of one point that uses the card."""
    from gridscan.cards.scans import Scan

    names = list(shipped.files["experiments"])
    users = [n for n in names if of == getattr(shipped.load("experiments", n), kind[:-1], "")]
    name = users[0] if users else "coherent-csi-2021"
    scan = {
        "title": "of the mutant",
        "model": "mutant" if kind == "models" else "sm",
        "experiments": ["mutant" if kind == "experiments" else name],
        "conventions": "mutant" if kind == "conventions" else "2402.16953",
    }
    if kind == "models":
        scan["fixed"] = {n: 0.5 for n, p in card.parameters.items() if not p.standard}
    if kind in ("sources", "materials"):
        home = Path(library.files[kind]["mutant"]).parents[1] / "experiments"
        home.mkdir()
        entry = f'extends = "{name}"\n{kind[:-1]} = "mutant"\n'
        (home / "user.toml").write_text(entry)
        library = type(library)([str(home.parent)])
        scan["experiments"] = ["user"]
    return library.study(Scan.from_mapping(scan, "scan"))


def mutated(random_: random.Random, card: Path, mutant: Path) -> None:
    """Write a mutant: a few changes of the card's entries, of its text, or of a table's bytes."""
    import tomllib

    text = card.read_text("utf8")
    tables = sorted((mutant.parent / "tables").glob("*")) if "table =" in text else []
    way = random_.random()
    if tables and way < 0.4:
        named = [table for table in tables if table.name in text] or tables
        table = random_.choice(named)
        table.write_bytes(_bytes(random_, table.read_bytes()))
        mutant.write_text(text, "utf8")
    elif way < 0.5:
        mutant.write_bytes(_bytes(random_, text.encode()))
    else:
        content = tomllib.loads(text)
        for _ in range(random_.choice((1, 1, 1, 2, 3))):
            _change(random_, content)
        lines = [f"{_toml(key)} = {_toml(value)}" for key, value in content.items()]
        if lines and random_.random() < 0.02:
            levels = random_.choice((20, 40, 1100))
            key, value = lines.pop().split(" = ", 1)
            lines.append(f"{key} = {'[' * levels}{value}{']' * levels}")
        mutant.write_text("\n".join(lines), "utf8", "surrogatepass")


def _bytes(random_: random.Random, data: bytes) -> bytes:
    """Some bytes flipped, cut, doubled, moved, or replaced everywhere by others."""
    for _ in range(random_.choice((1, 1, 2, 5))):
        at = random_.randrange(len(data) + 1)
        end = min(len(data), at + int(random_.expovariate(0.1)))
        match random_.randrange(6):
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << random_.randrange(8)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:end] + data[at:]
            case 3:
                data = data[:at] + random_.choice(SPANS) + data[at:]
            case 4:
                data = data.replace(*random_.choices(SPANS[:6], k=2))
            case 5:
                data = data[:at] if random_.random() < 0.1 else data
    return data


def _place(random_: random.Random, content: dict[str, Any]) -> tuple[Any, Any]:
    """A table or list in a card, with a key or number in it: long lists are no likelier."""
    held: Any = content
    while True:
        key = random_.choice(list(held) if isinstance(held, dict) else range(len(held)))
        if not isinstance(held[key], dict | list) or not held[key] or random_.random() < 0.2:
            return held, key
        held = held[key]


def _change(random_: random.Random, content: dict[str, Any]) -> None:
    """One entry lost, renamed, of another value, or exchanged with another."""
    if not content:
        return
    (held, key), (other, at) = _place(random_, content), _place(random_, content)
    value = held[key]
    match random_.randrange(11):
        case 0:
            del held[key]
        case 1 if isinstance(held, dict):
            held[random_.choice((*KEYS, f"{key}x", key.upper(), key[:-1]))] = held.pop(key)
        case 2 if isinstance(held, dict):
            held[random_.choice((*KEYS, at if isinstance(at, str) else "n"))] = _copy(other[at])
        case 3:
            held[key] = _copy(other[at])
        case 4:
            held[key] = random_.choice((*TEXTS, *NUMBERS, [], {}, [[]], [value], {"a": value}))
        case 5 if isinstance(value, list) and value:
            value.insert(random_.randrange(len(value)), _copy(random_.choice(value)))
        case 6 if isinstance(value, list) and value:
            random_.choice((value.reverse, value.pop, value.clear))()
        case _ if _is_number(value):
            factor = random_.choice((-1, 0, 0.5, 2, 1e-3, 1e3, 1e-9, 1e9, 1e-30, 1e30))
            number = random_.choice((value * factor, value + factor, *NUMBERS))
            held[key] = type(value)(number) if abs(number) < 1e15 else number
        case _ if isinstance(value, str):
            held[key] = random_.choice((*TEXTS, value.upper(), value[1:], f"{value} "))


def _is_number(value: Any) -> bool:
    """Whether a factor may be put before it: a whole number may be too large for that."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 10**300


def _copy(value: Any) -> Any:
    import copy

    return copy.deepcopy(value)


def _toml(value: Any) -> str:
    """A key or a value on one line."""
    import json

    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    return str(value).lower()


def show(i: int, seed: int) -> None:
    """A mutant's outcome with its traceback; the mutant is left in ./mutant."""
    with mutants(seed) as outcome:
        remove = shutil.rmtree
        shutil.rmtree = lambda path, *a, **k: shutil.copytree(path, "mutant", dirs_exist_ok=True)
        told, error = outcome(i)
        shutil.rmtree = remove
    print(told)
    if error is not None:
        traceback.print_exception(error)


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    arguments = [int(one) for one in sys.argv[1:] if one.isdigit()]
    if "--one" in sys.argv:
        show(arguments[0], arguments[1] if len(arguments) > 1 else 1)
    else:
        raise SystemExit(main(*(*arguments, *(10000, 1)[len(arguments) :])[:2]))
