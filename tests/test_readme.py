"""What the README tells people to type works, and its numbers are those of the cards.

The two installing commands are not run here: continuous integration runs them to the letter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from warm_python import run_python

import echocare_core

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
EXPORT = Path(echocare_core.__file__).parent / "demo" / "export" / "FETAL" / "ST000007"
BUNDLES = sorted(path.parents[1] for path in REPOSITORY.glob("bundles/*/models/model.json"))


def fences(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands(start: str) -> list[str]:
    return [line for fence in fences("bash") for line in fence.splitlines() if line.startswith(start)]


def test_the_commands_and_the_lines_of_python_run(tmp_path: Path) -> None:
    """One after the other in one process and without OpenVINO, on which tests/docs runs some of them."""
    typed = [
        *(("bash", line) for line in commands("echocare ")),
        *(("bash", line) for line in commands("python -m monai.bundle run --config_file bundles/fetal_head_segm")),
        *(("python", code) for code in fences("python")),
    ]
    labels = tmp_path / "labels.csv"
    labels.write_text("image,head_circumference_mm\nSE000001/IM000001,170\n")
    steps = [
        (language, re.sub("OUT|SCORES", str(tmp_path / f"out_{number}"), filled))
        for number, (language, text) in enumerate(typed)
        for filled in [text.replace("EXPORT", str(EXPORT)).replace("LABELS.csv", str(labels))]
    ]
    (tmp_path / "steps.json").write_text(json.dumps(steps), encoding="utf-8")
    runner = Path(__file__).parent / "docs" / "page_runner.py"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    finished = run_python(runner, tmp_path / "steps.json", "torch", cwd=REPOSITORY, env=environment)

    assert finished.returncode == 0, finished.stderr
    written = [["report.html"], ["report.html"], ["dicom/study_0001_sr.dcm", "report.html"], ["evaluation.html"]]
    written += [["report.html"]] * (len(steps) - len(written))
    assert len(steps) == 6
    for number, names in enumerate(written):
        assert [name for name in names if not (tmp_path / f"out_{number}" / name).is_file()] == []


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
    numbers = [summary for networks in card["results"].values() for summary in networks.get("bundle", {}).values()]

    assert rows
    for number in numbers:
        assert any(f"{number['mean']:.3f} ({number['low']:.3f} to {number['high']:.3f})" in row for row in rows)


def test_the_tables_of_bundles_and_results_are_made_from_the_cards() -> None:
    made = subprocess.run([sys.executable, "docs/generators/bundle_table.py"], cwd=REPOSITORY, check=False)

    assert made.returncode == 0, "Run python docs/generators/bundle_table.py --write"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150
