"""A prediction that was stopped goes on where it was, and gives what an unbroken one gives, to the byte."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bright_network import BrightNetwork
from output_bundle import KINDS, write_output_bundle
from PIL import Image
from ultrasound_files import JPEG, write_ultrasound
from warm_python import run_python

import echocare_core as echocare
from echocare_core.errors import OutputError
from echocare_core.results import handler, staging, writer
from echocare_core.results.journal import JOURNAL
from echocare_core.results.page import report
from echocare_core.results.staging import UNFINISHED

MEAN = {"_target_": "output_bundle.MeanScore"}
FRAMES = 8  # that can be decoded


def frames(number: int, brightest: int) -> np.ndarray:
    """Dark frames with a bright box that grows from frame to frame."""
    pixels = np.full((number, 32, 48, 3), 20, dtype=np.uint8)
    for frame in range(number):
        pixels[frame, 4 : 10 + brightest + frame, 10:30] = 235
    return pixels


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Eight frames in five files of two studies, a ninth that is damaged, and a file that is no picture."""
    for folder, cine in (("ST1", 2), ("ST2", 3)):
        (tmp_path / "export" / folder).mkdir(parents=True)
        write_ultrasound(tmp_path / "export" / folder / "CINE", frames(cine, cine), frame_time_ms=40)
        write_ultrasound(tmp_path / "export" / folder / "STILL", frames(1, 0), spacing_mm=(0.2, 0.2))
    jpeg = BytesIO()
    Image.fromarray(frames(1, 5)[0, :, :, 0]).save(jpeg, "JPEG")
    write_ultrasound(
        tmp_path / "export" / "ST1" / "HOLLOW",
        [jpeg.getvalue(), b"no picture"],
        photometric="MONOCHROME2",
        transfer_syntax=JPEG,
        attributes={"Rows": 32, "Columns": 48, "NumberOfFrames": 2},
    )
    (tmp_path / "export" / "notes").write_text("nothing to see")
    return tmp_path / "export"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A mask and scores of frames, and the mean of the scores of cines and studies, in batches of two."""
    return write_output_bundle(tmp_path / "bundle", ["mask", "scores"], cine=MEAN, study=MEAN, batch_size=2)


@pytest.fixture(autouse=True)
def one_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says when it was written."""

    class Noon(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2020, 1, 1, 12, tzinfo=timezone.utc)

    monkeypatch.setattr(report, "datetime", Noon)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Counted:
    """How many frames the network has seen; after some it is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames, self.left = 0, 1000
        forward = BrightNetwork.forward

        def counting(network: BrightNetwork, image: Any) -> Any:
            if self.left < len(image):
                raise KeyboardInterrupt
            self.left -= len(image)
            self.frames += len(image)
            return forward(network, image)

        monkeypatch.setattr(BrightNetwork, "forward", counting)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


Stop = Callable[..., None]


@pytest.fixture
def stop(bundle: Path, export: Path, tmp_path: Path, seen: Counted) -> Stop:
    """Predict into `out`, and press Ctrl-C after so many frames."""

    def press(after: int, bundle: Path = bundle, source: Path = export, **options: Any) -> None:
        seen.left = after
        with pytest.raises(KeyboardInterrupt):
            echocare.predict(bundle, source, tmp_path / "out", **options)
        seen.frames, seen.left = 0, 1000

    return press


@pytest.mark.parametrize("after", [2, 6])
def test_results_are_those_of_an_unbroken_run(
    after: int, stop: Stop, export: Path, tmp_path: Path, seen: Counted
) -> None:
    bundle = write_output_bundle(tmp_path / "every kind", list(KINDS), cine=MEAN, study=MEAN, batch_size=2)
    unbroken = echocare.predict(bundle, export, tmp_path / "unbroken")
    stop(after, bundle)
    assert os.listdir(tmp_path / "out") == [UNFINISHED]

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert seen.frames == FRAMES - after
    assert everything_in(tmp_path / "out") == everything_in(tmp_path / "unbroken")
    assert results.rows == unbroken.rows
    assert results.set_aside == unbroken.set_aside


@pytest.mark.parametrize("after", [4, 7])
def test_masks_that_are_smoothed_in_time_are_those_of_an_unbroken_run(
    after: int, stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted
) -> None:
    """Batches end inside a cine, and the run stops behind such a one; a frame is computed for its neighbours too."""
    smoothed = {"settings": {"smoothed_frames": 3}}
    unbroken = echocare.predict(bundle, export, tmp_path / "unbroken", **smoothed)
    assert seen.frames == 2 + 2 + 3 + 3
    stop(after, **smoothed)

    results = echocare.predict(bundle, export, tmp_path / "out", **smoothed)

    assert seen.frames == 2 + 2 + 3 + 3 - after
    assert everything_in(tmp_path / "out") == everything_in(tmp_path / "unbroken")
    assert (results.rows, results.set_aside) == (unbroken.rows, unbroken.set_aside)


def test_the_first_frame_after_a_stop_is_compared_with_the_last_one_before_it(
    stop: Stop, bundle: Path, tmp_path: Path
) -> None:
    write_ultrasound(tmp_path / "cine", frames(4, 4), frame_time_ms=40)
    stop(2, source=tmp_path / "cine")
    results = echocare.predict(bundle, tmp_path / "cine", tmp_path / "out")

    shared = [row["nodule_dice_with_frame_before_percent"] for row in results if row["level"] == "frame"]
    rows = [10 + frame for frame in range(4)]  # of the box, which grows by one
    assert shared[0] is None
    assert shared[1:] == pytest.approx([100 * 2 * rows[n] / (rows[n] + rows[n + 1]) for n in range(3)], abs=2)


def test_frames_of_other_files_and_frames_farther_away_are_not_compared(bundle: Path, tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_ultrasound(tmp_path / name, frames(5, 4), frame_time_ms=40)
    table = tmp_path / "frames.csv"
    table.write_text("image,frame\nA,1\nA,3\nA,4\nB,0\nB,1\n", encoding="utf-8")
    results = echocare.predict(bundle, table, tmp_path / "out")

    of_frames = [row for row in results if row["level"] == "frame"]
    assert [row["frame"] for row in of_frames] == [1, 3, 4, 0, 1]
    compared = [row["nodule_dice_with_frame_before_percent"] is not None for row in of_frames]
    assert compared == [False, False, True, False, True]


def test_it_says_where_it_stopped_where_it_goes_on_and_how_to_begin_anew(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    stop(4)
    echocare.predict(bundle, export, tmp_path / "out")
    said = capsys.readouterr().out
    assert "Stopped: 5 of 9 frames are done; the same command goes on there." in said
    hidden = tmp_path / "out" / UNFINISHED
    assert f"5 of 9 frames were done before; goes on there (delete {hidden} to begin anew)." in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_ends_as_by_ctrl_c(
    number: signal.Signals, bundle: Path, export: Path, tmp_path: Path
) -> None:
    program = [Path(__file__).parents[1] / "told_to_end.py", int(number)]

    ended = run_python(*program, "predict", bundle, export, tmp_path / "out", cwd=tmp_path)

    assert ended.returncode == 128 + number, ended.stderr
    assert os.listdir(tmp_path / "out") == [UNFINISHED]
    assert ended.stdout.endswith("as before\n")


def test_a_run_on_an_archive_goes_on_too(stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted) -> None:
    shutil.make_archive(str(tmp_path / "packed"), "zip", export)
    stop(4, source=tmp_path / "packed.zip")
    echocare.predict(bundle, tmp_path / "packed.zip", tmp_path / "out")
    assert seen.frames == FRAMES - 4


def test_a_run_that_was_stopped_twice_goes_on_twice(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted
) -> None:
    stop(2)
    stop(2)
    echocare.predict(bundle, export, tmp_path / "out")
    assert seen.frames == FRAMES - 4


def test_who_stops_before_anything_is_done_leaves_nothing(stop: Stop, tmp_path: Path) -> None:
    stop(0)
    assert not (tmp_path / "out").exists()


def test_earlier_results_stay_until_a_run_that_replaces_them_is_done(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted
) -> None:
    echocare.predict(bundle, export, tmp_path / "out")
    before = everything_in(tmp_path / "out")
    stop(4, overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        echocare.predict(bundle, export, tmp_path / "out")
    visible = {name: content for name, content in everything_in(tmp_path / "out").items() if UNFINISHED not in name}
    assert visible == before
    echocare.predict(bundle, export, tmp_path / "out", overwrite=True)
    assert seen.frames == FRAMES - 4
    assert everything_in(tmp_path / "out") == before


def change_setting(export: Path, bundle: Path) -> None:
    config = bundle / "configs" / "inference.json"
    config.write_text(config.read_text().replace('"a_max": 255', '"a_max": 250'))


def change_weights(export: Path, bundle: Path) -> None:
    network = BrightNetwork()
    network.threshold.data += 0.1
    torch.save(network.state_dict(), bundle / "models" / "model.pt")


def touch_the_first_file(export: Path, bundle: Path) -> None:
    os.utime(export / "ST1" / "CINE", ns=(1, 1))


def add_a_file_in_front(export: Path, bundle: Path) -> None:
    write_ultrasound(export / "A", frames(1, 0))


@pytest.mark.parametrize("change", [change_setting, change_weights, touch_the_first_file, add_a_file_in_front])
def test_where_something_has_changed_nothing_is_lost_without_overwrite_and_it_begins_anew_with_it(
    change: Callable[[Path, Path], None],
    stop: Stop,
    bundle: Path,
    export: Path,
    tmp_path: Path,
    seen: Counted,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop(4)
    change(export, bundle)
    before = everything_in(tmp_path / "out")

    with pytest.raises(OutputError, match=r"holds what was done before, with other settings.* or give it up"):
        echocare.predict(bundle, export, tmp_path / "out")
    assert everything_in(tmp_path / "out") == before

    results = echocare.predict(bundle, export, tmp_path / "out", overwrite=True)
    assert seen.frames == sum(row["level"] == "frame" for row in results)
    assert "Begins anew, and removes what was done before" in caplog.text


def test_a_run_with_other_settings_that_did_nothing_is_no_other_run(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = tmp_path / "out" / UNFINISHED
    stop(4)
    (hidden / JOURNAL).write_bytes((hidden / JOURNAL).read_bytes().splitlines(keepends=True)[0])  # as after a kill
    change_setting(export, bundle)
    echocare.predict(bundle, export, tmp_path / "out")
    assert "Begins anew" not in caplog.text


def test_a_run_in_other_batches_goes_on(stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted) -> None:
    stop(4)
    config = bundle / "configs" / "inference.json"
    config.write_text(config.read_text().replace('"batch_size": 2', '"batch_size": 3'))
    echocare.predict(bundle, export, tmp_path / "out")
    assert seen.frames == FRAMES - 4


def test_who_stops_a_run_before_it_goes_on_loses_nothing(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    stop(4)
    with monkeypatch.context() as patch:
        patch.setattr(handler.Trail, "agreeing", interrupt)
        with pytest.raises(KeyboardInterrupt):
            echocare.predict(bundle, export, tmp_path / "out")
    echocare.predict(bundle, export, tmp_path / "out")
    assert seen.frames == FRAMES - 4


def test_files_before_one_that_has_changed_are_not_predicted_again(
    stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted
) -> None:
    stop(4)
    os.utime(export / "ST1" / "STILL", ns=(1, 1))
    echocare.predict(bundle, export, tmp_path / "out")
    assert seen.frames == FRAMES - 2


def cut_the_journal(hidden: Path) -> None:
    (hidden / JOURNAL).write_bytes((hidden / JOURNAL).read_bytes()[:-100])


def flip_a_bit_of_the_journal(hidden: Path) -> None:
    content = bytearray((hidden / JOURNAL).read_bytes())
    content[-200] ^= 1
    (hidden / JOURNAL).write_bytes(bytes(content))


def empty_the_last_picture(hidden: Path) -> None:
    max((hidden / "overlays").rglob("*.png"), key=lambda path: path.stat().st_mtime_ns).write_bytes(b"")


def leave_a_picture_of_no_row(hidden: Path) -> None:
    (hidden / "masks" / "stray.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "kept"),
    [(cut_the_journal, 2), (flip_a_bit_of_the_journal, 2), (empty_the_last_picture, 2), (leave_a_picture_of_no_row, 4)],
)
def test_what_a_power_cut_has_damaged_is_done_again(
    damage: Callable[[Path], None], kept: int, stop: Stop, bundle: Path, export: Path, tmp_path: Path, seen: Counted
) -> None:
    stop(4)
    damage(tmp_path / "out" / UNFINISHED)
    results = echocare.predict(bundle, export, tmp_path / "out")
    assert seen.frames == FRAMES - kept
    pictures = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert pictures == {row[kind] for row in results for kind in ("mask", "overlay") if row[kind]}
    assert all((tmp_path / "out" / name).stat().st_size for name in pictures)


def test_a_run_killed_while_it_moves_its_results_is_finished_by_the_same_command(
    bundle: Path, export: Path, tmp_path: Path, seen: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(staging.Staging, "_take_back", kill)
        patch.setattr(staging, "os", SimpleNamespace(replace=kill))
        with pytest.raises(SystemExit):
            echocare.predict(bundle, export, tmp_path / "out")
    seen.frames = 0

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert seen.frames == 0
    assert sum(row["level"] == "frame" for row in results) == FRAMES
    assert UNFINISHED not in os.listdir(tmp_path / "out")


def test_a_full_disk_is_one_sentence_and_leaves_the_folder_as_it_was(
    bundle: Path, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer.Journal, "add", full)
    with pytest.raises(OutputError, match=r"No space left on device.*Free some space"):
        echocare.predict(bundle, export, tmp_path / "out")
    assert not (tmp_path / "out").exists()
