"""Every kind of output, of a frame, a cine and a study, comes from `predict` to the table and the page."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page
from lazy_device import lazy_device
from output_bundle import KINDS, write_output_bundle
from PIL import Image
from pydicom import dcmread
from typer.testing import CliRunner
from ultrasound_files import write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import SettingsError, UnreadableFrames

SIZE = (96, 128)
EVEN = {"_target_": "echocare_core.transforms.EvenClip", "frames": 3}
SLIDING = {"_target_": "echocare_core.transforms.SlidingClips", "frames": 2, "stride": 1, "step": 2}
MEAN = {"_target_": "output_bundle.MeanScore"}
# What each kind leaves in its row, and in the words of the page.
COLUMNS = {
    "mask": {"mask"},
    "boxes": {"nodule_boxes_count", "cyst_boxes_count"},
    "points": {"points_count"},
    "scores": {"pathology", "pathology_benign_probability", "pathology_malignant_threshold"},
    "activation": {"pathology_activation_file"},
    "picture": {"enhanced_file"},
    "text": {"report_file"},
    "number": {"bright_area_px2"},
    "embedding": {"embedding_nearest", "embedding_nearest_shows", "embedding_nearest_similarity"},
}
WORDS = {
    "mask": "masks/ holds",
    "boxes": "cyst",
    "points": "biparietal end",
    "scores": "Operating point: malignant from 5%",
    "activation": "evidence for malignant (class activation map, not an outline)",
    "picture": "enhanced",
    "text": "&lt;b&gt;Margin&lt;/b&gt;: circumscribed.",
    "number": "bright area",
    "embedding": "SET image_1",
}


def frames(number: int, brightest: int = 0) -> np.ndarray:
    """Dark frames with a bright box that grows from frame to frame."""
    pixels = np.full((number, *SIZE, 3), 20, dtype=np.uint8)
    for frame in range(number):
        pixels[frame, 20 : 50 + 2 * frame + brightest, 30 : 70 + 2 * frame] = 235
    return pixels


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two studies in two folders: a cine of 4 frames with a still, and a cine of 5."""
    for folder in ("ST1", "ST2"):
        (tmp_path / "export" / folder).mkdir(parents=True)
    write_ultrasound(tmp_path / "export" / "ST1" / "CINE", frames(4), frame_time_ms=40, spacing_mm=(0.2, 0.2))
    write_ultrasound(tmp_path / "export" / "ST1" / "STILL", frames(1), spacing_mm=(0.2, 0.2))
    write_ultrasound(tmp_path / "export" / "ST2" / "CINE", frames(5), frame_time_ms=40)
    return tmp_path / "export"


def combine(kind: str) -> dict[str, Any]:
    return {"_target_": "output_bundle.Combine", "kinds": [kind], "size": list(SIZE)}


def settings_of(level: str, kind: str) -> dict[str, Any]:
    return {"frame": {}, "cine": {"clip": EVEN}, "study": {"study": combine(kind)}}[level]


def levels_of(results: Any) -> list[str]:
    return [row.get("level", "frame") for row in results]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", ["frame", "cine", "study"])
def test_every_output_goes_from_predict_to_table_and_page(kind: str, level: str, export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", [kind], **settings_of(level, kind))

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert (
        levels_of(results)
        == {"frame": ["frame"] * 10, "cine": ["cine"] * 2, "study": ["frame"] * 10 + ["study"] * 2}[level]
    )
    last, written = results.rows[-1], table(tmp_path / "out" / "results.csv")
    assert COLUMNS[kind] <= {column for column, value in last.items() if value is not None}
    assert [row["source"] for row in written] == [row["source"] for row in results]
    assert WORDS[kind] in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for row in results:
        files = [
            str(value) for column, value in row.items() if column in ("mask", "overlay") or column.endswith("_file")
        ]
        assert files
        assert all((tmp_path / "out" / file).stat().st_size for file in files)


@pytest.mark.parametrize("clip", [None, EVEN], ids=["frame", "cine"])
def test_every_output_is_the_same_from_another_device(clip: dict[str, Any], export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", list(KINDS), clip=clip)

    cpu, lazy = (
        echocare.predict(bundle, export, tmp_path / name, settings={"device": name})
        for name in ("cpu", lazy_device().type)
    )

    assert lazy.rows == cpu.rows
    for folder in ("masks", "activations", "pictures", "overlays"):
        files = [path.relative_to(tmp_path / "cpu") for path in (tmp_path / "cpu" / folder).rglob("*.png")]
        assert files
        assert all((tmp_path / "lazy" / file).read_bytes() == (tmp_path / "cpu" / file).read_bytes() for file in files)


def test_a_table_of_frames_alone_says_nothing_of_levels(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"])

    echocare.predict(bundle, export, tmp_path / "out")

    assert not {"level", "study", "mask"} & set(table(tmp_path / "out" / "results.csv")[0])


def test_every_box_and_point_has_a_row_of_its_own(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["boxes", "points"])

    echocare.predict(bundle, export / "ST1" / "STILL", tmp_path / "out")

    boxes, points = (table(tmp_path / "out" / name) for name in ("boxes.csv", "points.csv"))
    uid = dcmread(export / "ST1" / "STILL", stop_before_pixels=True).SOPInstanceUID
    assert {row.pop("sop_instance_uid") for row in [*boxes, *points]} == {uid}
    assert [list(row.values()) for row in boxes] == [
        ["boxes_points", "STILL", "0", "nodule", "0.910000", "20.000", "30.000", "50.000", "70.000"],
        ["boxes_points", "STILL", "0", "cyst", "0.420000", "22.000", "32.000", "40.000", "54.000"],
    ]
    assert [list(row.values())[3:] for row in points] == [
        ["biparietal_start", "20.000", "49.500", ""], ["biparietal_end", "49.000", "49.500", ""],
        ["occiput", "", "", ""],
    ]  # fmt: skip


def test_the_clips_of_a_cine_are_combined_into_its_row(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"], clip=SLIDING, cine=MEAN, study=MEAN, batch_size=2)

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert [(row["level"], row["study"], row["source"], row["frame"], row["parts_count"]) for row in results] == [
        ("cine", 1, "ST1/CINE", None, 2),
        ("cine", 2, "ST2/CINE", None, 3),
        ("study", 1, "ST1", None, 2),
        ("study", 2, "ST2", None, 3),
    ]
    assert [(one.source, one.frame) for one in results.set_aside] == [("ST1/STILL", None)]
    assert results.set_aside[0].reason == "STILL has 1 frame; a clip needs 2. Record a longer cine."


def test_frames_cines_and_studies_stand_in_one_table(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores", "mask"], cine=MEAN, study=MEAN)

    results = echocare.predict(bundle, export, tmp_path / "out")

    of_first = [row for row in results if row["study"] == 1]
    assert [row["level"] for row in of_first] == ["frame"] * 4 + ["cine", "frame", "study"]
    assert next(row for row in of_first if row["level"] == "study")["parts_count"] == 5
    cases = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).data["cases"]
    assert [case["name"] for case in cases[:3]] == ["Study 1", "ST1/CINE", "ST1/STILL"]


def test_a_whole_cine_is_told_which_frame_is_which_and_when_and_a_still_is_named(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["mask"], over_time={"_target_": "output_bundle.FirstToLast"})
    (tmp_path / "asked.csv").write_text("image,frame,group\nexport/ST2/CINE,4,P\nexport/ST2/CINE,1,P\n")

    every = echocare.predict(bundle, export, tmp_path / "out")
    asked = echocare.predict(bundle, tmp_path / "asked.csv", tmp_path / "asked")

    cines = [row for rows in (every, asked) for row in rows if row["level"] == "cine"]
    assert [(row["first_frame"], row["last_frame"], row["lasts_ms"]) for row in cines] == [
        (0, 3, 120), (0, 4, 160), (1, 4, 120),
    ]  # fmt: skip
    assert [(one.source, one.reason) for one in every.set_aside] == [
        ("ST1/STILL", "STILL has 1 frame; needed two. Record more.")
    ]
    assert [row["level"] for row in every if row["source"] == "ST1/STILL"] == ["frame"]


def test_several_clips_and_nothing_to_combine_them_is_one_sentence(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"], clip=SLIDING)

    with pytest.raises(SettingsError, match="cuts cines into several clips; needed `cine`"):
        echocare.predict(bundle, export, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_an_export_of_stills_gives_no_clip_and_says_so(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"], clip=EVEN)

    with pytest.raises(UnreadableFrames, match=r"no cine that is long enough \(STILL has 1 frame; a clip needs 3"):
        echocare.predict(bundle, export / "ST1" / "STILL", tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_rows_join_the_table_and_the_archive_and_stand_in_the_order_of_the_table(export: Path, tmp_path: Path) -> None:
    rows = ["export/ST2/CINE,4,P2", "export/ST1/CINE,3,P1", "export/ST2/CINE,0,P2", "export/ST1/CINE,1,P1"]
    (tmp_path / "asked.csv").write_text("\n".join(["image,frame,group", *rows, ""]))
    bundle = write_output_bundle(tmp_path / "bundle", ["boxes", "points"], cine=combine("scores"))

    results = echocare.predict(bundle, tmp_path / "asked.csv", tmp_path / "out")

    found = table(tmp_path / "out" / "results.csv")
    framed = [row for row in found if row["level"] == "frame"]
    assert [",".join([row["image"], row["frame"], row["group"]]) for row in framed] == rows
    assert [row["image"] for row in found if row["level"] == "cine"] == ["export/ST2/CINE", "export/ST1/CINE"]
    header = dcmread(tmp_path / "export" / "ST2" / "CINE", stop_before_pixels=True)
    uids = {row["sop_instance_uid"] for row in found if row["image"] == "export/ST2/CINE"}
    assert uids == {header.SOPInstanceUID}
    for name in results.tables:
        listed = table(tmp_path / "out" / name)
        assert {(row["image"], row["group"], row["sop_instance_uid"]) for row in listed} == {
            (row["image"], row["group"], row["sop_instance_uid"]) for row in framed
        }


def test_several_inputs_and_patterns_are_predicted_by_one_command(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["number"])
    given = [str(export / "ST2"), str(export / "ST*" / "ST*")]

    done = CliRunner().invoke(app, ["predict", str(bundle), *given, str(tmp_path / "out")])

    assert done.exit_code == 0, done.output
    sources = [(row["source"], row["frame"]) for row in table(tmp_path / "out" / "results.csv")]
    assert sources == [*(("ST2/CINE", str(frame)) for frame in range(5)), ("ST1/STILL", "0")]


def test_studies_are_told_apart_by_the_group_of_a_table(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"], study=MEAN)
    (export / "table.csv").write_text("image,group\nST1/STILL,a\nST1/CINE,b\nST2/CINE,a\n")

    results = echocare.predict(bundle, export / "table.csv", tmp_path / "out")

    assert [(row["source"], row["parts_count"]) for row in results if row["level"] == "study"] == [(".", 6), ("ST1", 4)]


def test_the_picture_of_a_cine_is_a_frame_of_its_clip_as_recorded(export: Path, tmp_path: Path) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["number"], clip=EVEN)

    results = echocare.predict(bundle, export / "ST2" / "CINE", tmp_path / "out")

    shown = np.asarray(Image.open(tmp_path / "out" / str(results.rows[0]["overlay"])))[: 4 * SIZE[0] : 4, ::4]
    assert np.array_equal(shown, frames(5)[2])
