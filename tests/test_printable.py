"""Names and values from outside do nothing to a terminal, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.inventory.inspection import inspect_export
from echocare_core.inventory.show import show
from echocare_core.printable import printable

HOSTILE = "a\x1b[31m\x9b2J\r\n\u202egnp.\u2066\u200b\x07\udcff"


@pytest.mark.parametrize("text", ["IM0001", "Größe µ", "超音波", "week #3 [red] \\ 'a'", ""])
def test_a_text_that_does_no_harm_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_a_terminal_obeys_is_spelled() -> None:
    assert printable(HOSTILE) == r"a\x1b[31m\x9b2J\r\n\u202egnp.\u2066\u200b\x07\udcff"


@pytest.mark.parametrize("error", [TableError(HOSTILE), UnreadableFrames(Path(HOSTILE), f"is {HOSTILE}.")])
def test_an_error_may_name_any_file(error: Exception) -> None:
    assert str(error).isprintable()


def test_the_command_prints_no_name_as_it_stands(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    name = HOSTILE.replace("\udcff", "")

    ran = CliRunner().invoke(app, ["predict", "fetal_head_segmentation", str(tmp_path / "IM1"), str(tmp_path / name)])

    assert ran.exit_code == 0, ran.output
    assert printable(name) in ran.output.replace("\n", "")
    assert all(line.isprintable() for line in ran.output.splitlines())


def test_inspect_prints_no_value_of_a_header_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    summary = inspect_export(tmp_path, None)

    show({**summary, "scanners": {f"{HOSTILE}[bold]": 1}}, Console(width=200))

    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    assert r"a\x1b[31m\x9b2J" in said
    assert "[bold]" in said


def test_the_page_turns_no_name(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    write_ultrasound(tmp_path / "export" / "<b>\u202egnp", marked(height=64, width=80))

    echocare.predict("fetal_head_segmentation", tmp_path / "export", tmp_path / "out", settings={"device": "cpu"})

    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;\\u202egnp" in page
    assert "<b>" not in page
    assert "\u202e" not in page
