"""What the README tells people to type works, and its numbers are those of the cards.

The two installing commands are not run here: continuous integration runs them to the letter.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import echocare_core

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
EXPORT = Path(echocare_core.__file__).parent / "demo" / "export" / "FETAL"
BUNDLES = sorted(path.parents[1] for path in REPOSITORY.glob("bundles/*/models/model.json"))


def fences(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands(start: str) -> list[str]:
    return [line for fence in fences("bash") for line in fence.splitlines() if line.startswith(start)]


def run(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def filled_in(command: str, tmp_path: Path) -> str:
    return re.sub(r"\bOUT\b", str(tmp_path / "out"), re.sub(r"\bEXPORT\b", str(EXPORT), command))


@pytest.mark.parametrize(
    "command",
    [
        *commands("echocare "),
        *commands("python -m monai.bundle run --config_file bundles/fetal_head_segmentation/configs/inference"),
    ],
)
def test_the_command_runs(command: str, tmp_path: Path) -> None:
    run(shlex.split(filled_in(command, tmp_path)), tmp_path)


@pytest.mark.parametrize("code", fences("python"))
def test_the_lines_of_python_run(code: str, tmp_path: Path) -> None:
    run([sys.executable, "-c", filled_in(code, tmp_path)], tmp_path)


def test_the_two_installing_commands_are_marked_for_continuous_integration() -> None:
    for name in ("demo", "tests"):
        assert re.search(rf"<!-- {name} -->\n```bash\n\S", README)


@pytest.mark.parametrize(
    "page",
    [
        *(Path(folder, "README.md") for folder in ("", "benchmarks", "data_manifests")),
        *(bundle.relative_to(REPOSITORY) / "docs" / "README.md" for bundle in BUNDLES),
    ],
)
def test_every_file_of_the_project_that_a_page_names_is_there(page: Path) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    named = re.findall(r"\b(?:bundles|benchmarks|data_manifests|docs|echocare_core)/[\w./-]*\w", text)

    assert not [name for name in named if not (REPOSITORY / name).exists()]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_the_table_gives_the_numbers_of_the_card(bundle: Path) -> None:
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))
    [*rows] = [line for line in README.splitlines() if line.startswith("|") and f"`{bundle.name}`" in line]
    numbers = [summary for networks in card["results"].values() for summary in networks["bundle"].values()]

    assert rows
    for number in numbers:
        assert any(f"{number['mean']:.3f} ({number['low']:.3f} to {number['high']:.3f})" in row for row in rows)


def test_the_table_of_bundles_is_made_from_the_cards() -> None:
    made = subprocess.run([sys.executable, "docs/generators/bundle_table.py"], cwd=REPOSITORY, check=False)

    assert made.returncode == 0, "Run python docs/generators/bundle_table.py --write"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150
