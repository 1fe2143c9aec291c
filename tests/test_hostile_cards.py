"""Cards of strangers: one line, in bounded time and memory, and nobody else is troubled."""

import json
import os
import time

import pytest

from gridscan.cards.base import DEEP_KEY, DEEPEST, Card, CardError, parse_toml
from gridscan.cards.library import MOST_BELOW, Library
from gridscan.cards.scans import Scan
from gridscan.cards.sources import Source
from gridscan.cards.study import Study
from gridscan.scans.layout import Layout
from tests.conftest import CSI, study_of
from tests.test_cards import EXPERIMENT, SCAN, gridscan

HANGS_S = 10.0


def deep(opening: str, closing: str, levels: int) -> str:
    return "a = " + opening * levels + "1" + closing * levels


HOSTILE = {
    "inline tables": (deep("{ a = ", " }", 900), "allowed: 32 levels"),
    "brackets": (deep("[", "]", 3000), "allowed: 32 levels"),
    "a few levels too many": (deep("[", "]", DEEPEST), "allowed: 32 levels"),
    "a key of many parts": (
        f"\n{'a.' * 100_000}a = 1",
        "line 2: found a key of more than 32 parts",
    ),
    "a quoted key of many parts": (r'"\"".' * 50_000 + "a = 1", "a key of more than 32 parts"),
    "an integer of many digits": (f"a = {'1' * 5001}", "not valid TOML"),
    "an integer of many bits": (f"a = 0x{'f' * 5001}", "a: found an integer of 20004 bits"),
    "a large number": (
        "[b]\na = [0, -1e160]",
        "b.a.1: found -1e+160; allowed: zero, or from 1e-60",
    ),
    "a tiny number": ("[b]\na = 1e-160", "b.a: found 1e-160"),
    "a long card": ("a = 1\n" + "#" * 1_000_000, "found more than 1 MB"),
    "a binary file": ("\0\1\2", "found a binary file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_card_is_one_line_in_bounded_time(kind, tmp_path):
    text, told = HOSTILE[kind]
    (tmp_path / "mine.toml").write_text(text)
    began = time.monotonic()
    with pytest.raises(CardError) as refused:
        Library().study(str(tmp_path / "mine.toml"))
    assert time.monotonic() - began < HANGS_S
    assert told in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= 2000


@pytest.mark.parametrize(
    "piece", ["a.", '"', "'", "\\", '"\\', "a ", '"\\"', " .", "'\"", ',"\\', '["', ", "]
)
def test_keys_are_looked_at_in_time_that_grows_with_the_text(piece):
    began = time.monotonic()
    DEEP_KEY.search(piece * (1_000_000 // len(piece)))
    DEEP_KEY.search("\n".join([piece * 40] * (1_000_000 // 40 // len(piece))))
    assert time.monotonic() - began < HANGS_S


def test_what_looks_like_a_long_key_and_is_none_is_allowed():
    text = f'a = [{", ".join(["1.5"] * 1000)}]\nb.c.d.e = "{"word. " * 100}"'
    assert len(parse_toml(text, "here")["a"]) == 1000


@pytest.mark.parametrize(
    "raw",
    [
        {"title": {(1, 2): 3}},
        {"title": {1, 2}},
        {1: 2},
        {"title": object()},
        {"title": 10**5000},
        {"title": "\ud800"},
        {"title": b"\xff"},
    ],
)
def test_content_that_no_file_has_is_a_cards_error_too(raw):
    with pytest.raises(CardError, match=r"^here: "):
        Scan.from_mapping(raw, "here")


def test_content_without_end_is_refused():
    endless: list = []
    endless.append(endless)
    for kind in (Scan, Study):
        with pytest.raises(CardError, match="allowed: 32 levels"):
            kind.from_mapping({"title": endless}, "here")


def test_an_error_is_one_line_whatever_a_key_is_called():
    with pytest.raises(CardError) as refused:
        Scan.from_mapping({"a\n\x1b[31m\u2028b": 1}, "here\r")
    assert str(refused.value).isprintable()


def test_cards_that_extend_one_another_end(tmp_path):
    for i in range(1500):
        (tmp_path / f"c{i}.toml").write_text(f'extends = "c{i + 1}"\n')
    (tmp_path / "c1500.toml").write_text(f'extends = "{CSI}"\n')
    library = Library([tmp_path])
    with pytest.raises(CardError, match=f"c0.toml: extends more than {MOST_BELOW} cards"):
        library.load("experiments", "c0")
    assert library.load("experiments", "c1490").title == library.load("experiments", CSI).title


def test_mixtures_of_mixtures_are_read_once_and_end(tmp_path):
    """Each of all below: 2^n parts, if each was read for itself."""
    (tmp_path / "materials").mkdir()

    def mixture(number: int) -> str:
        parts = [f"m{i} = 1.0" for i in reversed(range(number))] or ["argon = 1.0"]
        return f'title = "m{number}"\nmixture = {{ {", ".join(parts)} }}'

    for i in range(40):
        (tmp_path / "materials" / f"m{i}.toml").write_text(mixture(i))
    library = Library([tmp_path])
    began = time.monotonic()
    assert library.load("materials", f"m{MOST_BELOW - 1}").nuclides
    with pytest.raises(CardError, match="mixture: found more than 16 within each other"):
        library.load("materials", "m39")
    assert time.monotonic() - began < HANGS_S


def pipe(path) -> None:
    os.mkfifo(path)


def endless(path) -> None:
    path.symlink_to("/dev/zero")


def huge(path) -> None:
    with path.open("wb") as file:
        file.truncate(10**11)


def nowhere(path) -> None:
    path.symlink_to(path)


ODD = {
    "a pipe": pipe,
    "a device": endless,
    "a huge file": huge,
    "a link to itself": nowhere,
    "a folder": lambda path: path.mkdir(),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\0"),
    "another encoding": lambda path: path.write_bytes('title = "é"'.encode("latin1")),
    "brackets": lambda path: path.write_text(deep("[", "]", 3000)),
    "a name that is taken": lambda path: path.write_text(EXPERIMENT),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("folder", [".", "experiments"])
def test_one_odd_file_in_a_catalog_troubles_nobody_else(folder, odd, tmp_path, monkeypatch, capsys):
    """Neither listing nor other cards fail or hang; the file itself is told of."""
    (tmp_path / folder).mkdir(exist_ok=True)
    ODD[odd](tmp_path / folder / f"{CSI}-x.toml")
    if odd == "a name that is taken":
        (tmp_path / f"{CSI}-x.toml").write_text(EXPERIMENT)
        (tmp_path / "again").mkdir()
        ODD[odd](tmp_path / "again" / f"{CSI}-x.toml")
    (tmp_path / "scan.toml").write_text(SCAN)
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path))
    began = time.monotonic()
    for command in (("ls",), ("search", "liquid"), ("show", CSI), ("check", "scan")):
        status, out, _ = gridscan(monkeypatch, capsys, *command)
        assert status in (0, None), command
        assert out
    if odd != "a folder":
        status, _, err = gridscan(monkeypatch, capsys, "show", f"{CSI}-x")
        assert (status, err.count("\n")) == (2, 1)
    assert time.monotonic() - began < 3 * HANGS_S


def test_a_root_may_have_any_name(tmp_path):
    """Two colons separate nothing where no URL is meant."""
    root = tmp_path / "a::b"
    root.mkdir()
    (root / "mine.toml").write_text(EXPERIMENT)
    assert isinstance(Library([root]).load("experiments", "mine"), Card)


FINE = {
    "sns-2021.flux.pulse_fwhm_us": (1e-59, 1e-12, 1e-5),
    f"{CSI}.bins.time_us": ([0.0, 1e12],),
}


@pytest.mark.parametrize(("path", "value"), [(p, v) for p, values in FINE.items() for v in values])
def test_a_width_that_no_integral_resolves_is_a_cards_error(path, value, library):
    """Not as many panels as it takes: they fill the memory."""
    fixed = {path: value}
    if path.endswith("time_us"):
        rows = [[1.0]] * 8
        fixed |= {f"{CSI}.observed": rows, f"{CSI}.backgrounds": {}, f"{CSI}.nuisances": {}}
    study = study_of({"eps_ee_u": {"values": [0.0, 0.1]}}, fixed=fixed)
    with pytest.raises(CardError, match=r"cannot be integrated: found steps of .* from 0 to"):
        Layout.of(study).check_computable()


def test_a_reactor_without_an_end_is_a_cards_error(library):
    source = json.loads(library.load("sources", "reactor-mueller").canonical())
    source["flux"]["endpoint_mev"] = 1e50
    with pytest.raises(ValueError, match=r"flux.endpoint_mev: found 1e\+50; allowed: less"):
        Source.from_mapping(source, "mine").check(
            {"days": 1.0, "thermal_power_gw": 1.0, "baseline_m": 9.0}
        )


def many(card, path: str, value) -> dict:
    """A card's content with an entry of another value."""
    content = json.loads(card.canonical())
    *above, last = path.split(".")
    held = content
    for key in above:
        held = held[key]
    held[last] = value
    return content


XENON = {"symbol": "X", "Z": 1, "A": 3, "mass_u": 3.0, "atoms": 1.0, "scatters": True}
AXIS = {"values": [0.0]}
NORM = {"sigma": 0.1, "scales": ["signal"]}
SIZES = {
    "nuclides": ("materials", "csi", "nuclides", [XENON] * 20_000, "at most 1000 entries"),
    "a heavy nuclide": ("materials", "csi", "nuclides", [XENON | {"A": 10**30}], "equal to 400"),
    "axes": ("scans", "p0-fig1", "axes", {f"a{i}": AXIS for i in range(99)}, "at most 24 entries"),
    "nuisances": (
        *("experiments", CSI, "nuisances", {f"a{i}": NORM for i in range(9999)}),
        "at most 1000 entries",
    ),
    "bins": ("experiments", CSI, "bins.time_us", list(range(10**6)), "allowed: up to 200,000"),
    "photoelectrons": (
        *("experiments", "coherent-csi-2017-total", "bins.pe", [6.0, 1e12]),
        "bins.pe: found 1e+12; allowed: up to 200,000",
    ),
    "energies": (
        *("sources", "reactor-huber", "flux.low_energy.energy_mev", [1.0] * 10**5),
        "at most 2000 entries",
    ),
    "columns of pictures": ("figures", "p0-fig1-quark", "columns", 10**30, "equal to 100"),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_size_that_nobody_means_is_refused(kind, library):
    folder, name, path, value, told = SIZES[kind]
    card = library.load(folder, name)
    began = time.monotonic()
    with pytest.raises(CardError) as refused:
        type(card).from_mapping(many(card, path, value), "mine")
    assert told in str(refused.value)
    assert time.monotonic() - began < HANGS_S
