from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from echocare_core.errors import OutputError
from echocare_core.results import ResultsWriter, staging
from echocare_core.results.captions import caption_lines
from echocare_core.types import BundleCard, Mask, SetAside, Text

ENTRIES = {"masks", "overlays", "results.csv", "set_aside.csv", "report.html"}


def run(folder: Path, card: BundleCard, *predictions, overwrite: bool = False, set_aside=()):
    return run_over(predictions, folder, card, overwrite, set_aside)


def run_over(predictions, folder: Path, card: BundleCard, overwrite: bool = False, set_aside=()):
    with ResultsWriter(folder, card, overwrite=overwrite) as writer:
        for item in predictions:
            writer.add(item)
        return writer.finish(set_aside)


def then_interrupted(*predictions):
    """The predictions, and then somebody presses Ctrl-C."""
    yield from predictions
    raise KeyboardInterrupt


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_the_documented_files_and_nothing_else(tmp_path: Path, card, frame_of):
    run(tmp_path / "new" / "out", card, frame_of())
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == ENTRIES


def test_results_are_for_their_owner_alone_under_any_umask(tmp_path: Path, card, frame_of):
    before = os.umask(0)
    try:
        run(tmp_path / "out", card, frame_of("scans/a"))
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_the_mask_has_the_size_and_values_of_the_prediction(tmp_path: Path, card, frame_of):
    prediction = frame_of(frame=12)
    run(tmp_path, card, prediction)
    mask = np.asarray(Image.open(tmp_path / "masks/STUDY1/IM0001_f0012.png"))
    assert np.array_equal(mask, prediction.outputs[0].values)


def test_every_row_leads_to_its_mask_and_overlay(tmp_path: Path, card, frame_of):
    run(tmp_path, card, frame_of("a b/c.dcm"), frame_of("../x"), frame_of("/abs"), frame_of("a:b"), frame_of("a.b"))
    table = pd.read_csv(tmp_path / "results.csv")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    assert files == {*table["mask"], *table["overlay"]}
    assert len(files) == 2 * 5


def test_a_source_that_points_outside_stays_inside(tmp_path: Path, card, frame_of):
    run(tmp_path / "out", card, frame_of("../../x"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_results_are_what_the_table_says(tmp_path: Path, card, frame_of):
    aside = SetAside("DICOMDIR", "not an image")
    results = run(tmp_path, card, frame_of("b"), frame_of("a", 3), set_aside=[aside])
    table = pd.read_csv(tmp_path / "results.csv")
    assert [(row["source"], row["frame"]) for row in results] == list(zip(table.source, table.frame, strict=True))
    assert list(results.rows[0]) == list(table)
    assert (results.folder, results.set_aside) == (tmp_path, (aside,))


def test_a_run_without_frames_still_has_tables_with_headers(tmp_path: Path, card):
    run(tmp_path, card)
    assert pd.read_csv(tmp_path / "results.csv").empty
    assert list(pd.read_csv(tmp_path / "set_aside.csv")) == ["source", "frame", "reason"]


def test_an_error_in_the_middle_leaves_no_trace(tmp_path: Path, card, frame_of):
    with pytest.raises(KeyboardInterrupt):
        run_over(then_interrupted(frame_of()), tmp_path / "new" / "out", card)
    assert not list(tmp_path.iterdir())


def test_leaving_without_finish_keeps_only_what_was_there(tmp_path: Path, card, frame_of):
    (tmp_path / "notes.txt").write_text("mine")
    with ResultsWriter(tmp_path, card) as writer:
        writer.add(frame_of())
    assert everything_in(tmp_path) == {"notes.txt": b"mine"}


def test_nothing_is_visible_before_finish(tmp_path: Path, card, frame_of):
    with ResultsWriter(tmp_path, card) as writer:
        writer.add(frame_of())
        assert all(path.name.startswith(".echocare-") for path in tmp_path.iterdir())


def test_a_used_folder_is_refused_before_any_work(tmp_path: Path, card, frame_of):
    run(tmp_path, card, frame_of())
    before = everything_in(tmp_path)
    with pytest.raises(OutputError, match="--overwrite"):
        ResultsWriter(tmp_path, card)
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("name", ["set_aside.csv", "report.html"])
def test_one_file_of_an_earlier_run_is_enough_to_refuse(tmp_path: Path, card, name: str):
    (tmp_path / name).write_text("earlier")
    with pytest.raises(OutputError, match="--overwrite"):
        ResultsWriter(tmp_path, card)


def test_overwrite_replaces_the_whole_earlier_run_and_nothing_else(tmp_path: Path, card, frame_of):
    run(tmp_path, card, frame_of("old"))
    (tmp_path / "notes.txt").write_text("mine")
    run(tmp_path, card, frame_of("new"), overwrite=True)
    assert {path.name for path in tmp_path.rglob("*.png")} == {"new_f0000.png"}
    assert {path.name for path in tmp_path.iterdir()} == {*ENTRIES, "notes.txt"}


def test_overwriting_with_other_kinds_leaves_no_file_of_the_earlier_run(tmp_path: Path, card, frame_of):
    run(tmp_path, card, frame_of())
    run(tmp_path, card, frame_of(outputs=(Text("report", "all well"),)), overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES - {"masks"} | {"texts"}


def test_a_failed_overwrite_leaves_the_earlier_run(tmp_path: Path, card, frame_of):
    run(tmp_path, card, frame_of("old"))
    before = everything_in(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_over(then_interrupted(frame_of("new")), tmp_path, card, overwrite=True)
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("failing", range(1, 11))
def test_a_table_open_in_excel_leaves_the_earlier_run(tmp_path: Path, card, frame_of, monkeypatch, failing: int):
    """Windows refuses to move an open file; whichever of the ten moves fails, all are taken back."""
    run(tmp_path, card, frame_of("old"))
    before, moves, move = everything_in(tmp_path), iter(range(1, 100)), staging.os.replace

    def refuse_one(start: Path, end: Path) -> None:
        if next(moves) == failing:
            raise PermissionError(errno.EACCES, "file is in use")
        move(start, end)

    monkeypatch.setattr(staging.os, "replace", refuse_one)
    with pytest.raises(OutputError, match="close its files in other programs"):
        run(tmp_path, card, frame_of("new"), overwrite=True)
    assert everything_in(tmp_path) == before


class Killed(BaseException):
    """Nothing that the process could have done."""


@pytest.mark.parametrize("survived", range(10))
def test_a_run_killed_between_two_moves_leaves_what_was_there_before(
    tmp_path: Path, card, frame_of, monkeypatch, survived: int
):
    run(tmp_path, card, frame_of("old"))
    before, moves, move = everything_in(tmp_path), iter(range(100)), staging.os.replace

    def kill(start: Path, end: Path) -> None:
        if next(moves) == survived:
            raise Killed
        move(start, end)

    with monkeypatch.context() as patch:
        patch.setattr(staging.os, "replace", kill)
        patch.setattr(staging.Staging, "discard", staging.Staging.release)
        with pytest.raises(Killed):
            run(tmp_path, card, frame_of("new"), overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        ResultsWriter(tmp_path, card)
    assert everything_in(tmp_path) == before


def test_a_run_killed_after_its_last_move_is_finished(tmp_path: Path, card, frame_of, monkeypatch):
    run(tmp_path, card, frame_of("old"))
    with monkeypatch.context() as patch:
        patch.setattr(staging.shutil, "rmtree", lambda *_, **__: None)
        run(tmp_path, card, frame_of("new"), overwrite=True)
    assert (tmp_path / staging.UNFINISHED / "former" / "masks").is_dir()
    staging.settle(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.png")} == {"new_f0000.png"}
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_is_at_work(tmp_path: Path, card, frame_of):
    with ResultsWriter(tmp_path, card) as writer:
        with pytest.raises(OutputError, match="in use by another run"):
            run(tmp_path, card, frame_of("second"))
        writer.add(frame_of("first"))
        writer.finish()
    assert {path.name for path in tmp_path.rglob("*.png")} == {"first_f0000.png"}
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path, card, frame_of):
    for name in (".echocare-unfinished", ".echocare-a1b2c3_d", ".echocare-fetch"):
        (tmp_path / name / "masks").mkdir(parents=True)
        (tmp_path / name / "masks" / "old.png").touch()
    (tmp_path / ".echocare-lock").write_text("1 elsewhere")
    run(tmp_path, card, frame_of())
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES | {".echocare-fetch"}


@pytest.mark.parametrize("plan", ['{"former": ["../mine"], "new": []}', '{"former": [], "new": ["/etc"]}', "{", "[]"])
def test_a_note_of_moves_that_no_run_wrote_moves_nothing(tmp_path: Path, card, frame_of, plan: str):
    hidden = tmp_path / "out" / staging.UNFINISHED
    (hidden / "former").mkdir(parents=True)
    (tmp_path / "mine").touch()
    (hidden / "moves.json").write_text(plan)
    run(tmp_path / "out", card, frame_of())
    assert {path.name for path in tmp_path.iterdir()} == {"out", "mine"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == ENTRIES


@pytest.mark.parametrize("name", ["masks", "pictures", "points.csv", "results.csv"])
def test_what_no_run_wrote_is_never_replaced(tmp_path: Path, card, name: str):
    (tmp_path / name).write_bytes(b"years of work")
    with pytest.raises(OutputError, match=f"{name}, not written by an earlier run"):
        ResultsWriter(tmp_path, card, overwrite=True)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, card):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out is a file; a folder"):
        ResultsWriter(tmp_path / "out", card)


def test_a_file_in_place_of_a_parent_is_refused(tmp_path: Path, card):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match="writable folder is needed"):
        ResultsWriter(tmp_path / "file" / "a" / "out", card)


def test_a_folder_that_cannot_be_written_is_refused_and_not_left_behind(tmp_path: Path, card, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(staging, "FolderLock", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        ResultsWriter(tmp_path / "out", card)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path, card, frame_of, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match=r"No space left.*Free some space"):
        run(tmp_path / "out", card, frame_of())
    assert not list(tmp_path.iterdir())


def test_a_frame_is_added_once(tmp_path: Path, card, frame_of):
    with ResultsWriter(tmp_path, card) as writer:
        writer.add(frame_of())
        with pytest.raises(ValueError, match="added before"):
            writer.add(frame_of())


def test_a_run_without_a_block_can_be_abandoned(tmp_path: Path, card, frame_of):
    writer = ResultsWriter(tmp_path / "out", card)
    writer.add(frame_of())
    assert len(writer.rows) == 1
    writer.abandon()
    assert not list(tmp_path.iterdir())


def test_abandoning_after_finish_changes_nothing(tmp_path: Path, card, frame_of):
    writer = ResultsWriter(tmp_path, card)
    writer.add(frame_of())
    writer.finish()
    writer.abandon()
    assert {path.name for path in tmp_path.iterdir()} == ENTRIES


def test_the_caption_says_what_was_measured_and_what_is_missing(frame_of):
    assert caption_lines(frame_of()) == ["lesion area 123 mm²", "long axis 12.3 mm"]
    assert caption_lines(frame_of(spacing_mm=None))[-1] == "no calibration in the file: lengths in pixels"
    assert caption_lines(frame_of(outputs=(Mask(np.zeros((60, 80), np.uint8), {1: "lesion"}),))) == ["nothing found"]
