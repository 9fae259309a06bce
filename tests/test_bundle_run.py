"""`monai.bundle run` refuses a setting that no configuration has, and ends in one sentence where it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import monai.bundle
import pytest
import torch
from tqdm.auto import tqdm

from echocare_core.bundle import shipped_folder
from echocare_core.bundle_run import WRITER, _check_places, _say_last
from echocare_core.errors import BundleError, OutputError, SettingsError, TableError, own_cause
from echocare_core.models import load_encoder
from echocare_core.origin import find_running
from echocare_core.training import dataset

LESION, PRETRAINING = (shipped_folder() / name for name in ("breast_lesion_segmentation", "ultrasound_pretraining"))
CONFIGURATIONS = {
    "training": (LESION, ["train.json"]),
    "training in several processes": (LESION, ["train.json", "multi_gpu_train.json"]),
    "inference": (LESION, ["inference.json"]),
    "evaluation": (LESION, ["inference.json", "evaluate.json"]),
    "pretraining": (PRETRAINING, ["train.json"]),
    "its evaluation": (PRETRAINING, ["train.json", "evaluate.json"]),
    "embedding": (PRETRAINING, ["inference.json"]),
}


def refusal(bundle: Path, names: list[str], **settings: object) -> BaseException | None:
    """What `monai.bundle.run` of some configurations is refused with, as MONAI lets it through: its cause."""
    files = [str(bundle / "configs" / name) for name in names]
    with pytest.raises(RuntimeError) as caught:
        monai.bundle.run(config_file=files if len(files) > 1 else files[0], **settings)
    return own_cause(caught.value)


@pytest.mark.parametrize("which", CONFIGURATIONS)
def test_a_setting_that_no_entry_has_is_refused_with_the_nearest(which: str) -> None:
    error = refusal(*CONFIGURATIONS[which], outputdir="x")

    assert isinstance(error, BundleError)
    assert "has no setting 'outputdir'; did you mean output_dir? It has " in str(error)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("weigths", "weights"),
        ("train#trainer#max_epoch", "train#trainer#max_epochs"),
        ("train::dataset::dta", "train#dataset#data"),
        ("network_def#widht", "network_def#width"),
        ("+handler", None),
    ],
)
def test_the_nearest_may_lie_deeper(name: str, near: str | None) -> None:
    error = refusal(LESION, ["train.json" if name != "weigths" else "inference.json"], **{name: 1})

    assert f"has no setting '{name.removeprefix('+')}'" in str(error)
    assert near is None or f"did you mean {near}?" in str(error)


@pytest.mark.parametrize(
    ("bundle", "names", "needed"),
    [
        (LESION, ["evaluate.json", "inference.json"], "inference.json"),
        (LESION, ["evaluate.json"], "inference.json"),
        (LESION, ["multi_gpu_train.json", "train.json"], "train.json"),
        (PRETRAINING, ["evaluate.json", "train.json"], "train.json"),
    ],
)
def test_configurations_in_the_wrong_order_are_refused(bundle: Path, names: list[str], needed: str) -> None:
    error = refusal(bundle, names)

    assert isinstance(error, BundleError)
    assert f"{names[0]} only changes another configuration; needed {needed} before it. Pass --config_file" in str(error)


def test_what_an_args_file_sets_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_text('{"run_id": "run", "weigths": "mine.pt"}')

    error = refusal(LESION, ["inference.json"], args_file=str(tmp_path / "args.json"))

    assert "did you mean weights?" in str(error)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": 3, "train#trainer#max_epochs": 4, "network_def#encoder_weights": None, "+train#handlers": []},
        {"optimizer#amsgrad": True, "optimizer::betas": [0.9, 0.99]},  # arguments at their default
        {"network_def": {"_target_": "bright_network.BrightNetwork"}},
    ],
)
def test_settings_that_there_are_come_through_to_the_table(settings: dict[str, object], tmp_path: Path) -> None:
    error = refusal(LESION, ["train.json"], dataset_dir=str(tmp_path), bundle_root=str(LESION), **settings)

    assert isinstance(error, TableError)
    assert "No table at" in str(error)


@pytest.mark.parametrize("name", ["encoder_weights", "network_def#encoder_weights", "+network_def::encoder_weights"])
def test_none_reaches_the_configuration(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configurations = []
    read_table = dataset.read_table

    def look(*words: object, **settings: object) -> object:
        configurations.append(find_running().parser)
        return read_table(*words, **settings)

    monkeypatch.setattr(dataset, "read_table", look)
    refusal(LESION, ["train.json"], dataset_dir=str(tmp_path), bundle_root=str(LESION), weights=None, **{name: None})

    assert configurations[0].get(name.removeprefix("+")) is None
    assert starts_at_random(configurations[0].get_parsed_content("network_def"))


def starts_at_random(network: torch.nn.Module) -> bool:
    """Whether its encoder is not the one that comes with the package."""
    return not torch.equal(network.encoder.patch_embed.proj.weight, load_encoder().patch_embed.proj.weight)


def test_a_value_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    error = refusal(LESION, ["train.json"], dataset_dir=str(tmp_path), output_dir="run", learning_rate=0, batch_size=2)

    assert str(error) == "learning_rate is 0; needed a number above 0, such as 0.001. Set learning_rate so."


def ending(error: Exception, settings: dict[str, object], capsys: pytest.CaptureFixture) -> list[str]:
    """The lines on which a program ends that fails with an error."""
    _say_last(settings, type(error), error, error.__traceback__)
    return capsys.readouterr().err.strip().splitlines()


def wrapped(cause: Exception) -> Exception:
    """An error of MONAI's around another."""
    try:
        raise RuntimeError("Failed to instantiate component 'x' in mode: default\nand more") from cause
    except RuntimeError as error:
        return error


def test_an_error_of_this_package_is_all_that_is_said(capsys: pytest.CaptureFixture) -> None:
    assert ending(wrapped(TableError("No table at x.")), {}, capsys) == ["TableError: No table at x."]


def test_a_progress_bar_does_not_come_after_it(capsys: pytest.CaptureFixture) -> None:
    bar = tqdm(total=2, desc="Epoch")
    lines = ending(wrapped(TableError("No table at x.")), {}, capsys)
    bar.update()
    del bar

    assert lines[-1] == "TableError: No table at x."
    assert capsys.readouterr().err == ""


def test_any_other_error_ends_in_a_sentence_that_names_the_settings(capsys: pytest.CaptureFixture) -> None:
    lines = ending(wrapped(TypeError("'<' not supported")), {"max_epochs": "many"}, capsys)

    assert lines[0].startswith("TypeError") or lines[0].startswith("Traceback")
    assert lines[-1].startswith("SettingsError: It does not run with max_epochs (TypeError: '<' not supported)")


def test_an_error_that_nothing_explains_keeps_its_traceback(capsys: pytest.CaptureFixture) -> None:
    assert ending(wrapped(TypeError("unheard of")), {}, capsys)[-1] == "and more"


def test_only_the_program_itself_gets_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.excepthook
    refusal(LESION, ["inference.json"], weigths="x")

    assert sys.excepthook is before


@pytest.mark.parametrize(("device", "said"), [("cuda:9", "PyTorch sees no GPU"), ("gpu", "There is no device 'gpu'")])
@pytest.mark.parametrize("which", ["training", "inference", "pretraining"])
def test_a_device_that_is_not_there_is_a_sentence(
    which: str, device: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = {"network_def": {"_target_": "bright_network.BrightNetwork"}} if which != "pretraining" else {}

    (tmp_path / "mix.csv").write_text("name,source,organ,weight\nours,table.csv,breast,\n")  # read for its labels first

    error = refusal(*CONFIGURATIONS[which], device=device, dataset_dir=str(tmp_path), **settings)

    assert isinstance(error, SettingsError)
    assert said in str(error)


def test_the_folder_that_is_advised_is_taken_and_so_is_one_in_the_export(tmp_path: Path) -> None:
    """As by `echocare predict`: tests/end_to_end/test_predict.py::test_results_never_lie_among_the_images."""
    (tmp_path / "imgs").mkdir()
    run = {"handlers": [{"_target_": WRITER}]}
    with pytest.raises(OutputError) as error:
        _check_places(run, {"dataset_dir": str(tmp_path / "imgs"), "output_dir": str(tmp_path / "imgs")})
    assert str(error.value).endswith(f"beside it, such as {tmp_path / 'imgs-results'}.")

    for out in ("imgs-results", "imgs/results"):
        _check_places(run, {"dataset_dir": str(tmp_path / "imgs"), "output_dir": str(tmp_path / out)})
