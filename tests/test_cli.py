"""What every verb of the command has in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import echocare_core as echocare
from echocare_core.cli import VERBS, app
from echocare_core.types import Results, SetAside
from echocare_core.types.origin import Origin

NAMES = [verb.__name__ for verbs in VERBS.values() for verb in verbs]


def said(*words: str) -> str:
    ran = CliRunner().invoke(app, list(words))
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_it_says_its_version() -> None:
    assert said("--version") == f"echocare {echocare.__version__}\n"


@pytest.mark.parametrize("verb", ["", *NAMES])
def test_a_short_h_is_help(verb: str) -> None:
    assert said(*verb.split(), "-h") == said(*verb.split(), "--help")


@pytest.mark.parametrize(("verb", "extra"), [("serve", "echocare[service]"), ("label", ".[bundles]")])
def test_help_names_the_extra_that_a_verb_needs(verb: str, extra: str) -> None:
    assert extra in said(verb, "--help")


def test_help_flows_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in said("send", "--help").splitlines()]
    assert "Images of patients, and what other software made, stay where they are. Objects" in lines


def test_results_say_how_many_there_are_and_where(tmp_path: Path) -> None:
    one = Results(tmp_path, ({"source": "a"},), (SetAside("b", "is text."),), tables=("boxes.csv",))

    assert str(one).splitlines() == [
        "1 frame measured, 1 file or frame set aside.",
        *(f"  {tmp_path / name}" for name in ("report.html", "results.csv", "boxes.csv", "set_aside.csv")),
    ]
    made = replace(one, origin=Origin(own_weights=True, ran=None, settings=None, packages={}))
    assert str(made).splitlines() == [*str(one).splitlines(), f"  {tmp_path / 'origin.json'}"]
    assert str(Results(tmp_path, ({"level": "study"},) * 2)).startswith(
        "2 studies measured, 0 files or frames set aside."
    )
