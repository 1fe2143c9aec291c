"""Laws of what commands print: any output takes it, nobody's text is obeyed."""

import codecs
import errno
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gridscan.catalog import Cubes
from gridscan.cli import main, output
from gridscan.cli.output import escaped
from tests.conftest import CSI
from tests.test_cards import gridscan

ROOT = Path(__file__).parents[1]
SMALL = ("run", "csi-2021-ee-mumu", "--set", "axes.eps_ee.num=5", "--set", "axes.eps_mumu.num=5")
HOSTILE = "a\x1b[31mred\x07\x9b2J\r\nforged: line\u202e\u2028\x7fend"
COMMANDS = (("ls",), ("show", "csi-2021-ee-ud"), ("counts", CSI), ("search", "csi"), SMALL,
            ("plan", "csi-2021-ee-ud"), ("--help",), ("plot", "--help"), ("nonsense",))  # fmt: skip


def printed(monkeypatch, arguments, stdout) -> tuple[int, str]:
    """Exit status and errors of a command with another standard output, in this process."""
    stderr = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", ["gridscan", *arguments])
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", stdout)
        streams.setattr(sys, "stderr", stderr)
        with pytest.raises(SystemExit) as stop:
            main()
    stderr.flush()
    return int(stop.value.code or 0), stderr.buffer.getvalue().decode()


class Refusing(io.RawIOBase):
    """A stream that takes nothing."""

    def __init__(self, number: int):
        self.number = number

    def writable(self):
        return True

    def write(self, _):
        raise OSError(self.number, os.strerror(self.number))


def refusing(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(Refusing(number)), encoding="utf-8")


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda it: it[0])
def test_every_encoding_takes_what_is_printed(arguments, monkeypatch):
    for encoding in ("ascii", "cp1252", "latin-1", "utf-16"):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        status, err = printed(monkeypatch, arguments, stdout)
        assert (status, err.count("\n")) == ((2, 1) if arguments == ("nonsense",) else (0, 0))
        stdout.flush()
        text = stdout.buffer.getvalue().decode(encoding)
        assert text or status
        assert "\ufffd" not in text


def test_letters_that_an_output_lacks_are_written_with_those_it_has():
    codecs.register_error("plain", output._plain)
    assert "χ² = 1 ± 2 ⊕ ν…".encode("ascii", "plain") == b"chi2 = 1 +- 2 or nu..."
    assert "χ² = 1 ± 2".encode("cp1252", "plain") == b"chi\xb2 = 1 \xb1 2"
    assert "日\udcff".encode("ascii", "plain") == b"\\u65e5\\udcff"


@pytest.mark.parametrize("arguments", COMMANDS[:6], ids=lambda it: it[0])
def test_an_output_that_is_full_is_one_line_and_one_that_nobody_reads_none(arguments, monkeypatch):
    told = "gridscan: results cannot be printed (No space left on device); what is complete is kept"
    assert printed(monkeypatch, arguments, refusing(errno.ENOSPC)) == (1, f"{told}\n")
    assert printed(monkeypatch, arguments, refusing(errno.EPIPE)) == (141, "")


@pytest.mark.parametrize(
    ("redirected", "status", "err"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">/dev/full", 1, "gridscan: results cannot be printed (No space left on device)"),
        ("| true", 0, ""),
    ],
)
def test_streams_of_a_shell_end_in_no_traceback(redirected, status, err):
    line = f'"$0" -m gridscan ls scans {redirected}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], env=environment, capture_output=True, text=True
    )
    assert done.returncode == status
    assert done.stderr.startswith(err)
    assert done.stderr.count("\n") == bool(err)


def test_control_characters_are_shown_and_letters_of_all_languages_stay():
    assert escaped(HOSTILE) == (
        r"a\x1b[31mred\x07\x9b2J\r\nforged: line\u202e\u2028\x7fend"
    )  # fmt: skip
    kept = "χ² ≤ 4.6, ε_ee^u: É日本 90\xa0%"
    assert escaped(kept) == kept


def test_what_somebody_else_wrote_is_shown_and_not_obeyed(tmp_path, monkeypatch, capsys):
    """In titles of cards and cubes, in names of axes' units, in values that are refused."""
    monkeypatch.setenv("GRIDSCAN_CATALOG", str(tmp_path / "cards"))
    (tmp_path / "cards").mkdir()
    text = json.dumps(HOSTILE).replace("\x7f", "\\u007f")
    (tmp_path / "cards" / "mine.toml").write_text(f'extends = "{CSI}"\ntitle = {text}\n')
    (tmp_path / "cards" / "bad.toml").write_text(f'extends = "{CSI}"\nsource = {text}\n')
    assert gridscan(monkeypatch, capsys, *SMALL, "--set", f"title={text}")[0] == 0
    (cube,) = Cubes(tmp_path / "cubes")
    assert cube.title == HOSTILE
    for arguments in (["ls"], ["ls", "cubes"], ["show", "mine"], ["search", "forged"],
                      ["counts", "mine"], ["show", cube.path], ["check", "bad"],
                      ["search", "forged", "--model", "nsi"], ["show", HOSTILE],
                      ["plan", "csi-2021-ee-ud", "--set", f"title={text}"]):  # fmt: skip
        _, out, err = gridscan(monkeypatch, capsys, *arguments)
        shown = out + err
        assert "31m" in shown, arguments
        assert escaped(shown.replace("\n", "")) == shown.replace("\n", ""), arguments
        assert not [line for line in shown.splitlines() if line.startswith("forged")], arguments


def test_commands_print_in_one_place_only():
    for path in (ROOT / "gridscan" / "cli").glob("*.py"):
        assert path.name == "output.py" or "print(" not in path.read_text(), path


def test_warnings_of_ours_are_one_line(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    output.prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("told\x1b twice", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "gridscan: told\\x1b twice\n"
