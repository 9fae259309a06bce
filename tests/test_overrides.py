"""What is typed after `python -m monai.bundle run` reaches a bundle as it stands, or is refused; it is never run."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from small_tables import write_table
from ultrasound_files import marked, write_ultrasound

from echocare_core.bundle import shipped_folder
from echocare_core.errors import own_cause
from echocare_core.overrides import check_overrides

LESION = shipped_folder() / "breast_lesion_segmentation"
CANARY = "$__import__('os').system('touch ran')"
PROGRAM = "/somewhere/monai/bundle/__main__.py"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def monai_bundle(*words: object) -> None:
    """`python -m monai.bundle WORDS` in this process."""
    sys.argv = ["-m", *map(str, words)]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)


@pytest.fixture(autouse=True)
def _same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)


def given(*words: str) -> str | None:
    """What is said of words on the command line; None where nothing is."""
    sys.argv = [PROGRAM, "run", *words]
    try:
        check_overrides()
    except SystemExit as end:
        return str(end.code)
    return None


@pytest.mark.parametrize("config", ["inference.json", "train.json"])
@pytest.mark.parametrize("entry", ["dataset_dir", "output_dir"])
def test_an_expression_for_a_path_is_not_run(entry: str, config: str, folder: Path) -> None:
    write_ultrasound(folder / "IM1", marked(height=64, width=80))
    paths = {"dataset_dir": "IM1" if config == "inference.json" else write_table(folder / "data"), "output_dir": "OUT"}
    words = [f"--{name}={value}" for name, value in {**paths, entry: CANARY}.items()]

    with pytest.raises(SystemExit, match=rf"--{entry} .* begins with \$, .* Write it with \./ before it"):
        monai_bundle("run", "--config_file", LESION / "configs" / config, *words)

    assert {path.name for path in folder.iterdir()} <= {"IM1", "data"}


def test_evaluation_does_not_run_an_expression_either(folder: Path) -> None:
    configs = [str(LESION / "configs" / name) for name in ("inference.json", "evaluate.json")]

    with pytest.raises(SystemExit, match=r"--weights"):
        monai_bundle(
            "run", "--config_file", configs, "--dataset_dir", write_table(folder / "data"), f"--weights={CANARY}"
        )

    assert not (folder / "ran").exists()


PATHS = ["dataset_dir", "output_dir", "weights", "engine_file", "known_images_file", "mix_file", "organ_tree"]


@pytest.mark.parametrize("entry", [*PATHS, "encoder_weights", "train#dataset_dir", "dataset-dir"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (CANARY, "begins with \\$"),
        ("@weights", "begins with @"),
        ("%other.json::key", "begins with %"),
        ("week #3", "holds a #, which MONAI makes :: of"),
        ("20240115", "is read as 20240115 and not as a path. Write it with ./"),
        ("1_000", "is read as 1000"),
        ("Li,Ng", r"is read as \('Li', 'Ng'\)"),
        ("'quoted'", "is read as 'quoted'"),
        ("['A','$open(1)']", "begins with"),
        ("['A','B#1']", "holds a #"),
        ("[1]", "is read as 1"),
    ],
)
def test_a_path_that_would_be_read_as_something_else_is_refused(entry: str, value: str, says: str) -> None:
    for words in ([f"--{entry}", value], [f"--{entry}={value}"], [f"-{entry}={value}"]):
        assert re.search(says, given(*words) or "")


@pytest.mark.parametrize(
    "words",
    [
        ["--dataset_dir", "['A','./20240115']"],
        ["--dataset_dir", "./20240115", "--output_dir", "/data/Li,Ng", "--engine_file", "None"],
        ["--device", "$torch.device('cpu')", "--train#trainer#max_epochs", "3", "--batch_size=2"],
        ["--config_file", "['a/configs/train.json','a/configs/multi_gpu_train.json']", "--dataset_dir", "week $3 @ 5%"],
        ["export", "--train#handlers", "[{'_target_': 'GarbageCollector'}]", "--encoder_weights=None"],
    ],
)
def test_what_is_read_as_it_stands_is_taken(words: list[str]) -> None:
    assert given(*words) is None


@pytest.mark.parametrize("value", [CANARY, f"['{'$'}open(1)']", "{'lr': '$open(1)'}", "{'$open(1)': 1}"])
def test_an_expression_that_could_do_anything_is_refused_for_any_setting(value: str) -> None:
    said = given("--seed", value)

    assert said is not None
    assert "would be run as Python" in said
    assert "--config_file" in said


@pytest.mark.parametrize(
    ("source", "out", "says"),
    [
        ("export", "export", "export is the export itself"),
        ("export", ".", "export lies inside ."),
        ("export/IM1", "export", "IM1 lies inside export"),
        ("['other','export']", "export", "export is the export itself"),
    ],
)
def test_results_and_images_keep_apart(source: str, out: str, says: str, folder: Path) -> None:
    for name in ("export", "other"):
        (folder / name).mkdir()
        write_ultrasound(folder / name / "IM1", marked(height=64, width=80))
    there = sorted(folder.rglob("*"))

    with pytest.raises(RuntimeError) as error:
        monai_bundle("run", "--config_file", LESION / "configs" / "inference.json", *words_of(source, out))

    assert says in str(own_cause(error.value))
    assert sorted(folder.rglob("*")) == there


def words_of(source: str, out: str) -> list[str]:
    return ["--dataset_dir", source, "--output_dir", out]


def test_other_programs_have_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["echocare", "run", "--dataset_dir", CANARY])

    check_overrides()


def test_the_program_says_where_results_are(folder: Path, capsys: pytest.CaptureFixture) -> None:
    write_ultrasound(folder / "IM1", marked(height=64, width=80))

    monai_bundle("run", "--config_file", LESION / "configs" / "inference.json", *words_of("IM1", "OUT"))

    assert "1 frame measured, 0 files or frames set aside.\n  OUT/report.html\n" in capsys.readouterr().out
