"""`echocare finetune` from a table to a bundle that every other command takes."""

import json
import re
import shutil

import pandas as pd
import pytest
import torch
from PIL import Image, ImageOps
from small_tables import write_table
from typer.testing import CliRunner

from echocare_core.bundle import find_bundle
from echocare_core.checks import CHECKS, run_check
from echocare_core.cli import app
from echocare_core.errors import BundleError, EchoCareError, OutputError, SettingsError, TableError
from echocare_core.finetuning import finetune
from echocare_core.models.tuning import MODES
from echocare_core.models.weight_file import read_state_dict
from echocare_core.prediction import predict

BUNDLE = "breast_lesion_segmentation"
SHORT = {"max_epochs": 1, "batch_size": 2, "warmup_steps": 1, "device": "cpu", "start_shares": [0.0, 1.0]}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """One epoch on four discs, chosen on two, tested on one."""
    folder = tmp_path_factory.mktemp("finetune")
    return finetune(BUNDLE, write_table(folder / "data"), folder / "out", settings=SHORT)


def test_the_new_bundle_predicts_under_its_own_name_and_says_where_its_weights_are_from(tuned, tmp_path):
    card = json.loads((tuned.bundle / "models" / "model.json").read_text(encoding="utf-8"))
    assert tuned.bundle.name == "own_breast_lesion_segmentation"
    assert card["origin"].startswith("Fine-tuned from breast_lesion_segmentation ")
    assert card["data"].startswith("Own images, by split: train 4, val 2, test 1.")
    assert set(card["results"]) == {"own val", "own test"}
    results = predict(tuned.bundle, tuned.cases.table.parents[2] / "data" / "6.png", tmp_path / "out")
    assert len(pd.read_csv(results.folder / "results.csv")) == 1


def test_the_new_bundle_says_whose_least_confidence_it_has_and_how_to_set_another(tuned, tmp_path):
    page = (tuned.bundle / "docs" / "README.md").read_text(encoding="utf-8")
    assert 'less sure than `least_confidence` ({"lesion": 0.75}) is left out' in page
    assert f"It is that of {BUNDLE} " in page
    assert "less sure than least_confidence of inference.json" in tuned.page.read_text(encoding="utf-8")
    [setting] = re.findall(r"--set '(least_confidence=[^']+)'", page)
    picture = tuned.cases.table.parents[2] / "data" / "6.png"
    words = ["predict", str(tuned.bundle), str(picture), str(tmp_path / "out"), "--set", setting]
    assert CliRunner().invoke(app, words).exit_code == 0
    origin = json.loads((tmp_path / "out" / "origin.json").read_text(encoding="utf-8"))
    assert origin["settings_that_differ"]["least_confidence::lesion"] == {"here": 0.0, "bundle": 0.75}


def test_the_new_bundle_passes_the_checks_of_every_bundle(tuned):
    found = [finding for check in CHECKS for finding in run_check(check, tuned.bundle)]
    assert [finding for finding in found if finding.outcome == "failed"] == []


def test_before_and_after_are_scored_on_the_same_images(tuned):
    assert set(tuned.numbers) == {"val", "test"}
    for named in tuned.numbers.values():
        one = named["dice_lesion"]
        change = one["after"]["mean"] - one["before"]["mean"]
        assert one["difference"]["mean"] == pytest.approx(change)
        assert one["before"]["images"] == one["after"]["images"]


def test_the_page_shows_the_numbers_and_leads_to_both_evaluations(tuned):
    page = tuned.page.read_text(encoding="utf-8")
    after = tuned.numbers["val"]["dice_lesion"]["after"]
    assert f"{after['mean']:.3f} ({after['low']:.3f} to {after['high']:.3f})" in page
    assert "data:image/png;base64,iVBOR" in page
    for place in ("before/val", "before/test", "after/val", "after/test"):
        assert f'href="{place}/report/evaluation.html"' in page
        assert (tuned.page.parent / place / "report" / "evaluation.html").is_file()


def test_of_one_patient_no_interval_is_said_and_why(tuned):
    number = f"{tuned.numbers['test']['dice_lesion']['after']['mean']:.3f} (no interval)"
    for said in (str(tuned), tuned.page.read_text(encoding="utf-8")):
        assert number in said
        assert "One patient alone tells nothing of others; there is no interval." in said
    card = (tuned.bundle / "models" / "model.json").read_text(encoding="utf-8")
    assert json.loads(card, parse_constant=pytest.fail)["results"]["own test"]["bundle"]["dice_lesion"]["low"] is None


def test_what_was_finished_is_not_replaced(tuned):
    with pytest.raises(OutputError, match="holds a finished fine-tuning; needed a folder without one"):
        finetune(BUNDLE, tuned.cases.table, tuned.bundle.parent, settings=SHORT)


def stop_at(step, patched):
    """Let a fine-tuning be interrupted when it comes to a step."""
    from echocare_core.finetuning import run

    def stop(*_):
        raise KeyboardInterrupt

    patched.setattr(run, step, stop)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Data and a folder in which a fine-tuning was stopped when its weights had been chosen."""
    folder = tmp_path_factory.mktemp("stopped")
    data, out = write_table(folder / "data"), folder / "out"
    with pytest.MonkeyPatch.context() as patched:
        stop_at("write_bundle", patched)
        with pytest.raises(KeyboardInterrupt):
            finetune(BUNDLE, data, out, settings=SHORT)
    return data, out


def test_a_call_that_asks_for_the_same_goes_on_where_it_was_stopped(stopped, tmp_path):
    data, begun = stopped
    out = shutil.copytree(begun, tmp_path / "out")
    chosen = (out / "training" / "chosen.pt").stat().st_mtime_ns
    done = finetune(BUNDLE, data, out, tuning="full", settings=SHORT)  # which finetune.json says too
    assert (out / "training" / "chosen.pt").stat().st_mtime_ns == chosen
    assert done.bundle.is_dir()
    assert [path.name for path in out.iterdir() if path.name.startswith(".") and "lock" not in path.name] == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"settings": {**SHORT, "learning_rate": 0.1}}, "with other settings"),
        ({"settings": {**SHORT, "tuning": "frozen"}}, "with other settings"),
        ({"name": "mine_segmentation"}, "with another name"),
        ({"bundle": "fetal_head_segmentation"}, "with another bundle"),
    ],
)
def test_another_call_does_not_go_on_from_it(changed, says, stopped):
    data, out = stopped
    asked = {"bundle": BUNDLE, "settings": SHORT, "name": f"own_{BUNDLE}", **changed}
    with pytest.raises(OutputError, match=says):
        finetune(asked["bundle"], data, out, name=asked["name"], settings=asked["settings"])


def test_another_table_does_not_go_on_from_it_and_the_first_one_stays(stopped, tmp_path):
    _, out = stopped
    completed = (out / "images" / "table.csv").read_bytes()
    with pytest.raises(OutputError, match="with another table"):
        finetune(BUNDLE, write_table(tmp_path / "other"), out, settings=SHORT)
    assert (out / "images" / "table.csv").read_bytes() == completed


@pytest.mark.parametrize("name", ["4.png", "6_mask.png"])
def test_a_file_that_holds_something_else_under_its_name_does_not_go_on_from_it(name, stopped):
    data, out = stopped
    kept = (data / name).read_bytes()
    (data / name).write_bytes((data / name.replace(name[0], "5")).read_bytes())
    try:
        with pytest.raises(OutputError, match="with images or masks that held something else; needed the same"):
            finetune(BUNDLE, data, out, settings=SHORT)
    finally:
        (data / name).write_bytes(kept)


@pytest.fixture
def begun(tmp_path):
    """Data, and a folder in which a fine-tuning was stopped when val had been scored and nothing was trained."""
    data, out = write_table(tmp_path / "data"), tmp_path / "out"
    begin_again(data, out)
    (out / "before" / "val").mkdir(parents=True)
    (out / "before" / "val" / "evaluation.json").touch()
    return data, out


def begin_again(data, out, name=None, **settings):
    """Call for a fine-tuning, and stop it before anything is scored."""
    with pytest.MonkeyPatch.context() as patched:
        stop_at("score_split", patched)
        with pytest.raises(KeyboardInterrupt):
            finetune(BUNDLE, data, out, name=name, settings={**SHORT, **settings})


def test_what_was_scored_stays_when_the_same_call_is_repeated(begun):
    data, out = begun
    begin_again(data, out)
    assert (out / "before" / "val" / "evaluation.json").is_file()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"batch_size": 4}, "other settings"),
        ({"mask_threshold": 128}, "other settings"),
        ({"name": "mine_segmentation"}, "another name"),
    ],
)
def test_what_was_begun_otherwise_and_not_trained_is_given_up_and_begun_anew(changed, says, begun, caplog):
    data, out = begun
    begin_again(data, out, **changed)
    assert not (out / "before").exists()
    assert f"what was begun with {says} is given up; nothing was trained yet." in caplog.text
    caplog.clear()
    begin_again(data, out, **changed)
    assert "given up" not in caplog.text


def test_a_corrected_table_is_begun_anew(begun):
    data, out = begun
    table = pd.read_csv(data / "table.csv", dtype=str)
    table.drop(index=2).to_csv(data / "table.csv", index=False)
    begin_again(data, out, batch_size=3)
    assert not (out / "before").exists()


def test_a_new_name_that_something_else_has_is_refused_and_what_was_begun_stays(begun):
    data, out = begun
    (out / "mine_segmentation").mkdir()
    with pytest.raises(OutputError, match="holds mine_segmentation, which no fine-tuning here wrote"):
        finetune(BUNDLE, data, out, name="mine_segmentation", settings=SHORT)
    assert (out / "before" / "val" / "evaluation.json").is_file()


def test_every_name_that_is_written_is_refused_where_a_team_has_it(tmp_path):
    for name in ("images", "training", "before", "after", f"own_{BUNDLE}", f".own_{BUNDLE}"):
        own = tmp_path / name / name / "own.txt"
        own.parent.mkdir(parents=True)
        own.write_text("ours")
        with pytest.raises(
            OutputError, match=f"holds {re.escape(name)}, which no fine-tuning here wrote; needed a fold"
        ):
            finetune(BUNDLE, tmp_path / "no table", tmp_path / name)
        assert own.read_text() == "ours"


def test_a_table_that_lies_where_the_completed_one_would_stays_as_it_is(tmp_path):
    table = write_table(tmp_path / "data" / "images") / "table.csv"
    before = table.read_bytes()
    with pytest.raises(OutputError, match="data holds images, which no fine-tuning here wrote"):
        finetune(BUNDLE, table.parent, tmp_path / "data", settings=SHORT)
    assert table.read_bytes() == before


def test_a_folder_with_other_things_in_it_takes_a_fine_tuning(tmp_path, monkeypatch):
    table = write_table(tmp_path / "data")
    stop_at("score_split", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        finetune(BUNDLE, table, table, settings=SHORT)


def test_what_looks_wrong_of_the_masks_is_said_before_anything_is_scored(tmp_path, monkeypatch, caplog):
    data = write_table(tmp_path / "data")
    for mask in data.glob("*_mask.png"):
        ImageOps.invert(Image.open(mask)).save(mask)
    stop_at("score_split", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        finetune(BUNDLE, data, tmp_path / "out", settings=SHORT)
    assert "7 of 7 masks mark the border of their picture all round" in caplog.text


@pytest.mark.parametrize("step", ["complete_table", "check_same", "check_pictures", "write_completed", "score_split"])
def test_a_call_that_was_stopped_before_its_first_evaluation_comes_to_it_when_it_is_repeated(step, tmp_path):
    data, out = write_table(tmp_path / "data"), tmp_path / "out"
    for last in (step, "score_split"):
        with pytest.MonkeyPatch.context() as patched:
            stop_at(last, patched)
            with pytest.raises(KeyboardInterrupt):
                finetune(BUNDLE, data, out, settings=SHORT)
    assert (out / "images" / "table.csv").is_file()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"settings": {"image_size": [128, 128]}}, "image_size cannot be set here"),
        ({"settings": {"network_def#width": 8}}, "network_def#width cannot be set here"),
        ({"settings": {"weights": "w.pt"}}, "weights cannot be set here"),
        ({"settings": {"seed": "abc"}}, "seed is 'abc'; needed a whole number"),
        ({"settings": {"epochs": 3}}, "no setting 'epochs'"),
        ({"name": "training"}, "cannot be called 'training'"),
        ({"name": "a/b"}, "cannot be called 'a/b'"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_the_start(asked, says, tmp_path):
    with pytest.raises(EchoCareError, match=says):
        finetune(BUNDLE, write_table(tmp_path / "data"), tmp_path / "out", **asked)
    assert not (tmp_path / "out" / "training").exists()


def test_a_column_that_the_evaluation_needs_is_asked_for_before_the_training(tmp_path):
    table = write_table(tmp_path / "data") / "table.csv"
    pd.read_csv(table).drop(columns="head_circumference_mm").to_csv(table, index=False)
    with pytest.raises(TableError, match=f"{re.escape(str(table))} lacks the columns head_circumference_mm"):
        finetune("fetal_head_segmentation", table, tmp_path / "out", settings=SHORT)
    assert not (tmp_path / "out" / "before").exists()


def test_weights_that_no_training_betters_are_kept(tmp_path):
    settings = {**SHORT, "learning_rate": 1e-12, "start_shares": [1.0]}
    done = finetune(
        BUNDLE, write_table(tmp_path / "data"), tmp_path / "out", name="mine_segmentation", settings=settings
    )
    before, after = (read_state_dict(one / "models" / "model.pt") for one in (find_bundle(BUNDLE), done.bundle))
    assert done.trained.share == 1
    assert "they are kept" in str(done)
    assert done.bundle.name == "mine_segmentation"
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_bundle_that_cannot_be_fine_tuned_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"ultrasound_pretraining has no configs/finetune.json"):
        finetune("ultrasound_pretraining", write_table(tmp_path / "data"), tmp_path / "out")


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """What the command says of one epoch with adapters, and the bundle that comes out, whose weights are as trained."""
    folder = tmp_path_factory.mktemp("adapted")
    table, settings = write_table(folder / "data"), {**SHORT, "start_shares": [0.0]}
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    asked = ["finetune", BUNDLE, str(table), str(folder / "out"), "--tuning", "lora", *words]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    return shown.output.replace("\n", ""), folder / "out" / f"own_{BUNDLE}"


def test_the_command_says_what_it_trained_and_where_the_bundle_is(adapted):
    shown, bundle = adapted
    assert re.search(r"Tuning lora: 1,\d+,\d+ of 3,\d+,\d+ parameters \(\d\d\.\d%\) learned", shown)
    assert f"The new bundle: {bundle}" in shown


def test_card_and_pages_say_in_which_mode_it_learned(adapted):
    _, bundle = adapted
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))
    training = card["training"]
    assert training["tuning"] == "lora"
    assert 0 < training["learning_parameters"] < training["parameters"]
    assert card["command"].endswith("--tuning lora")
    for page in (bundle / "docs" / "README.md", bundle.parent / "report.html"):
        assert f"Tuning lora: {training['learning_parameters']:,} of " in page.read_text(encoding="utf-8")


def test_weights_with_adapters_merged_are_those_of_an_ordinary_bundle(adapted):
    _, bundle = adapted
    before, after = (read_state_dict(one / "models" / "model.pt") for one in (find_bundle(BUNDLE), bundle))
    assert {name: one.shape for name, one in after.items()} == {name: one.shape for name, one in before.items()}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in changed if name.startswith("encoder.")} == {
        *("qkv", "proj", "linear1", "linear2", "reduction")
    }
    assert not any("patch_embed" in name for name in changed)


@pytest.mark.parametrize("asked", [{"tuning": "adapter"}, {"settings": {"tuning": "adapter"}}])
def test_an_unknown_tuning_is_refused_before_anything_is_read(asked, tmp_path):
    with pytest.raises(SettingsError, match="Unknown tuning 'adapter'; needed one of full, layer_decay, lora, frozen"):
        finetune("no_such_bundle", tmp_path / "no table", tmp_path / "out", **asked)


def test_the_help_of_the_command_names_every_mode():
    shown = CliRunner().invoke(app, ["finetune", "--help"], env={"COLUMNS": "300"}).output
    assert all(f"{mode}, " in shown for mode in MODES)


CLASSES = {"pathology": ["benign", "malignant"]}


@pytest.fixture(scope="module")
def tuned_classes(tmp_path_factory):
    """One epoch of four discs that are benign or malignant, chosen on four, tested on two."""
    folder = tmp_path_factory.mktemp("finetune_classes")
    splits = ("train",) * 4 + ("val",) * 4 + ("test",) * 2
    table = write_table(folder / "data", splits, columns=CLASSES)
    return finetune("breast_lesion_classification", table, folder / "out", settings=SHORT)


def test_classes_are_fine_tuned_by_their_column_and_compared_by_the_area_under_the_curve(tuned_classes):
    assert "train 4 images of 4 groups, 2 benign, 2 malignant" in str(tuned_classes.cases)
    assert set(tuned_classes.numbers["test"]) == {"auc", "balanced_accuracy", "calibration_error"}


def test_a_bundle_that_leaves_nothing_out_says_nothing_of_a_least_confidence(tuned_classes):
    for page in (tuned_classes.bundle / "docs" / "README.md", tuned_classes.page):
        assert "least_confidence" not in page.read_text(encoding="utf-8")


def test_what_was_fitted_on_val_stands_in_the_configuration_of_the_new_bundle(tuned_classes):
    out = tuned_classes.bundle.parent
    fitted = json.loads((out / "training" / "calibration.json").read_text(encoding="utf-8"))
    inference = json.loads((tuned_classes.bundle / "configs" / "inference.json").read_text(encoding="utf-8"))
    assert {name: inference[name] for name in ("temperature", "operating_point", "trained_prevalence")} == fitted
    assert fitted["operating_point"]["label"] == "malignant"


@pytest.fixture(scope="module")
def tuned_points(tmp_path_factory):
    """One epoch of four heads whose axes have marked ends, chosen on two, tested on one, which alone has all four."""
    folder = tmp_path_factory.mktemp("finetune_points")
    table = pd.read_csv(write_table(folder / "data") / "table.csv").drop(columns=["mask", "head_circumference_mm"])
    ends = {"occipitofrontal_left": (48, 39), "occipitofrontal_right": (48, 89), "biparietal_upper": (23, 64),
            "biparietal_lower": (73, 64)}  # fmt: skip
    points = pd.DataFrame([(name, *place) for name, place in ends.items()], columns=["point", "row_px", "column_px"])
    rows = table.merge(points, how="cross")
    marked = (rows["point"] != "biparietal_lower") | (rows["split"] == "test")
    rows[marked].to_csv(folder / "points.csv", index=False)
    for picture in (folder / "data").glob("?.png"):
        shutil.copy(picture, folder)
    return finetune("fetal_head_landmarks", folder / "points.csv", folder / "out", settings=SHORT)


def test_points_are_fine_tuned_from_a_row_for_each_and_compared_by_their_errors(tuned_points):
    assert "7 images with a landmark" in str(tuned_points.cases)
    assert {"radial_error_px", "radial_error_mm"} <= set(tuned_points.numbers["test"])
    error = tuned_points.numbers["val"]["radial_error_px"]
    assert error["difference"]["mean"] == pytest.approx(error["after"]["mean"] - error["before"]["mean"])
    assert "radial_error_px (less is better)" in tuned_points.page.read_text(encoding="utf-8")


def test_what_is_measured_is_compared_with_what_lies_between_the_points_as_they_were_marked(tuned_points):
    for evaluation in ("before", "after"):
        rows = pd.read_csv(tuned_points.page.parent / evaluation / "test" / "evaluation.csv")
        for diameter in ("occipitofrontal_diameter", "biparietal_diameter"):
            assert rows[f"{diameter}_mm_reference"].tolist() == pytest.approx([25.0])  # 50 px of 0.5 mm


def test_a_bundle_that_was_fine_tuned_on_points_is_evaluated_and_checked_as_any_other(tuned_points):
    rows = pd.read_csv(tuned_points.page.parent / "after" / "test" / "evaluation.csv")
    assert rows["biparietal_upper_px"].notna().all()
    found = [finding for check in CHECKS for finding in run_check(check, tuned_points.bundle)]
    assert [finding for finding in found if finding.outcome == "failed"] == []


def test_what_was_fitted_into_the_weights_stands_in_those_of_the_new_bundle(tmp_path):
    """The volume of a ventricle, fitted to the chosen weights: here those of the start."""
    start, settings = find_bundle("ejection_fraction_regression"), {**SHORT, "start_shares": [1.0]}
    bundle = finetune(start.name, write_table(tmp_path / "data"), tmp_path / "out", settings=settings).bundle
    before, after = (read_state_dict(one / "models" / "model.pt") for one in (start, bundle))
    assert {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])} == {"volume"}


@pytest.mark.parametrize("interrupted", [False, True], ids=["whole", "stopped as it moved"])
def test_a_bundle_is_replaced_by_the_new_one_and_nothing_stays_beside_it(interrupted, tuned, tmp_path):
    from echocare_core.finetuning.new_bundle import write_bundle

    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "of the former").touch()
    if interrupted:
        (tmp_path / "new").rename(tmp_path / ".new-former")
    write_bundle(find_bundle(BUNDLE), tuned.bundle.parent / "training" / "chosen.pt", tmp_path / "new", 0.0, {})
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert not (tmp_path / "new" / "of the former").exists()


def test_a_fine_tuned_bundle_no_longer_cautions_that_it_was_not_trained(tuned, tmp_path):
    from echocare_core.finetuning.new_bundle import write_bundle

    cautious = shutil.copytree(tuned.bundle, tmp_path / "cautious")
    metadata = cautious / "configs" / "metadata.json"
    entries = json.loads(metadata.read_text(encoding="utf-8"))
    metadata.write_text(json.dumps({**entries, "caution": "not trained"}), encoding="utf-8")
    chosen = tuned.bundle.parent / "training" / "chosen.pt"
    for share, cautions in ((0.5, False), (1.0, True)):
        write_bundle(cautious, chosen, tmp_path / "new", share, {})
        found = json.loads((tmp_path / "new" / "configs" / "metadata.json").read_text(encoding="utf-8"))
        assert ("caution" in found) == cautions
        assert (found["name"] == entries["name"]) == cautions
