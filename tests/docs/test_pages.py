"""Every command and every line of Python on the pages of docs/ runs, from the top of a page to its bottom.

The notebook is run, and the links are followed, when the site is built: `.ci/run` does it.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from pydicom import dcmread
from small_pacs import STUDY, SmallPacs, running
from warm_python import run_python

import echocare_core
from echocare_core.result_files import ENTRIES

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
DEMO = Path(echocare_core.__file__).parent / "demo" / "export" / "FETAL"
STUDY_OF_TWO, LABELLED = "ST000007", ("ST000005", "ST000006")  # a clip has eleven frames, as long as the rest of a page
PAGES = sorted(DOCS.glob("*.md"))
ON_OPENVINO = ("own-export", "auto")  # one bundle, and all that fit; the command runs the same way on other pages
FENCE = re.compile(r"(<!-- not run here: .+? -->\n)?```(bash|python)\n(.*?)```", flags=re.DOTALL)
ELSEWHERE = {  # commands of the pages that are included from other folders: what runs them, or why nothing does
    r"pip install .*": "brings packages from an index; the tests run with all of them installed",
    r"python benchmarks/\w+\.py( .*)?": "its options are checked below; most need the public data sets",
    r"echocare inspect EXPORT --out FOLDER": "tests/docs/test_pages.py::test_a_page_works_from_its_top_to_its_bottom",
    r"echocare quantize \w+ EXPORT int8.xml": "tests/engines/test_quantization.py",
    r".*configs/inference.json --dataset_dir EXPORT --output_dir OUT": "tests/bundles/test_bundle_runs.py",
    r".*inference.json .* --engine openvino": "tests/end_to_end/test_predict.py",
    r".*configs/train.json --dataset_dir FOLDER --output_dir RUN": "tests/bundles/test_bundle_runs.py",
    r"torchrun .*multi_gpu_train.json.*": "tests/bundles/test_bundle_runs.py",
    r".*'configs/evaluate.json'.* --output_dir SCORES --weights RUN/best.pt": "tests/bundles/test_bundle_runs.py",
    r".*FOLDER_OF_MIX.*": "tests/bundles/test_ultrasound_pretraining.py",
}


def steps_of(page: Path) -> list[tuple[str, str]]:
    """(language, text) of each fence that is to run."""
    text = page.read_text(encoding="utf-8")
    return [(language, code) for left_out, language, code in FENCE.findall(text) if not left_out]


def fences_of(page: Path) -> list[tuple[str, str]]:
    """(language, text) of all fences of a page, those in a list too."""
    return [
        (language, code.replace("\n   ", "\n").strip())
        for language, code in re.findall(r"```(bash|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with a table of seven pictures in three splits, each with a bright square, its mask and a class."""
    folder = tmp_path / "folder"
    folder.mkdir()
    rows = []
    for number, split in enumerate(["train"] * 4 + ["val", "val", "test"]):
        mask = Image.new("L", (96, 80))
        mask.paste(1, (20 + number, 20, 50 + number, 50))
        mask.save(folder / f"{number}_mask.png")
        mask.point(lambda inside: 40 + 160 * inside).save(folder / f"{number}.png")
        pathology = ("benign", "malignant")[number % 2]
        rows.append((f"{number}.png", f"{number}_mask.png", f"patient-{number}", split, 0.5, pathology))
    columns = ["image", "mask", "group", "split", "pixel_mm", "pathology"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "table.csv", index=False)
    return folder


@pytest.fixture
def pacs() -> Iterator[SmallPacs]:
    """A PACS with the fetal images of the demo."""
    files = sorted(DEMO.glob("ST00000[567]/SE000001/IM*"))
    own = {str(dcmread(file, stop_before_pixels=True).StudyInstanceUID) for file in files}
    with running(SmallPacs(files, [STUDY, *sorted(own)])) as pacs:
        yield pacs


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Labels of the fetal images of the demo."""
    rows = [(f"ST00000{number}/SE000001/IM000001", 180.0, number % 2) for number in (5, 6, 7)]
    pd.DataFrame(rows, columns=["image", "head_circumference_mm", "trimester"]).to_csv(tmp_path / "l.csv", index=False)
    return tmp_path / "l.csv"


@pytest.fixture
def filled_in(tmp_path: Path, table: Path, pacs: SmallPacs, labels: Path) -> Callable[[Path, str], str]:
    """Put real paths and the address of a running PACS in place of a page's capital letters; train one short epoch."""

    def fill_in(page: Path, text: str) -> str:
        written = ("EXPORT", "OUT", "TABLES", "RUN", "SCORES", "COPY", "MINE", "TUNED")
        given = {"FOLDER": table, "FILE": next(DEMO.glob("**/IM*")), "UID": STUDY, "LABELS": labels}
        if "--out FOLDER" in page.read_text(encoding="utf-8"):
            given["FOLDER"] = tmp_path / "made"
        names = {**{name: tmp_path / name.lower() for name in written}, **given}
        text = re.sub(rf"\b({'|'.join(names)})\b", lambda word: str(names[word[0]]), text)
        text = re.sub(r"(configs/train\.json )", r"\1--max_epochs 1 --image_size '[128,128]' ", text)
        text = re.sub(r"(echocare finetune .+)", r"\1 --set max_epochs=1 --set start_shares=[0.0,1.0]", text)
        return text.replace("https://pacs.example/dicom-web", pacs.address)

    return fill_in


@pytest.mark.parametrize("page", [page for page in PAGES if steps_of(page)], ids=lambda page: page.stem)
def test_a_page_works_from_its_top_to_its_bottom(
    page: Path, filled_in: Callable[[Path, str], str], tmp_path: Path
) -> None:
    if "echocare fetch" not in page.read_text(encoding="utf-8"):
        for study in (STUDY_OF_TWO, *(LABELLED if "LABELS" in page.read_text(encoding="utf-8") else ())):
            shutil.copytree(DEMO / study, tmp_path / "export" / study)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    steps = tmp_path / "steps.json"
    steps.write_text(json.dumps([(language, filled_in(page, text)) for language, text in steps_of(page)]))

    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    engine = "installed" if page.stem in ON_OPENVINO else "torch"
    ran = run_python(Path(__file__).with_name("page_runner.py"), steps, engine, cwd=REPOSITORY, env=environment)

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]


def test_own_export_and_fine_tune_have_something_to_run() -> None:
    assert {"own-export", "fine-tune", "reader"} <= {page.stem for page in PAGES if steps_of(page)}


def test_every_file_and_folder_that_a_run_may_leave_is_said() -> None:
    _, _, written = (DOCS / "own-export.md").read_text(encoding="utf-8").partition("## What is written\n")
    first_cells = re.findall(r"^\| (`.+?) \|", written.partition("\n## ")[0], flags=re.MULTILINE)
    named = [name for cell in first_cells for name in re.findall("`(.+?)`", cell)]

    assert sorted(named) == sorted(name if "." in name else f"{name}/" for name in ENTRIES)


def included() -> list[Path]:
    folders = ("benchmarks", "data_manifests", "bundles/*/docs")
    return [path for folder in folders for path in sorted(REPOSITORY.glob(f"{folder}/README.md"))]


@pytest.mark.parametrize("page", included(), ids=lambda page: str(page.relative_to(REPOSITORY).parent))
def test_every_command_of_an_included_page_is_run_somewhere(page: Path) -> None:
    commands = [line for language, code in fences_of(page) if language == "bash" for line in code.splitlines()]

    assert [line for line in commands if not any(re.fullmatch(known, line.strip()) for known in ELSEWHERE)] == []


@pytest.mark.parametrize("where", sorted({where.split("::")[0] for where in ELSEWHERE.values() if "/test_" in where}))
def test_the_tests_that_are_said_to_run_them_are_there(where: str) -> None:
    assert (REPOSITORY / where).is_file()


def benchmark_commands() -> list[str]:
    lines = {line for page in included() for _, code in fences_of(page) for line in code.splitlines()}
    return sorted(line for line in lines if line.startswith("python benchmarks/"))


@pytest.mark.parametrize("name", sorted({command.split()[1] for command in benchmark_commands()}))
def test_the_options_of_a_benchmark_are_those_it_has(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    if name.endswith("burned_in_text.py"):
        pytest.importorskip("matplotlib", reason="it draws with matplotlib's fonts, which nothing else here needs")
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    monkeypatch.setenv("COLUMNS", "200")

    for line in benchmark_commands():
        _, program, *words = line.split()
        if program == name:
            command = [word for word in words[:1] if not word.startswith("--")]
            monkeypatch.setattr(sys, "argv", [name, *command, "--help"])
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(REPOSITORY / name), run_name="__main__")

            helped = capsys.readouterr().out
            assert end.value.code == 0
            assert [word for word in words if word.startswith("--") and word not in helped] == []
