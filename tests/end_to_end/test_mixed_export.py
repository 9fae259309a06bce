"""A mixed export as it lies in a hospital: each image goes to its bundle, or is set aside with its reason."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageDraw

import echocare_core as echocare
from echocare_core.demo import EXPORT

BREAST = "; ".join(
    f"breast_{name}"
    for name in ("birads_classification", "lesion_classification", "lesion_segmentation", "report_generation")
)
HEAD = "fetal_head_landmarks; fetal_head_segmentation"
STILLS = {"BREAST/ST000003": BREAST, "BREAST/ST000004": BREAST, "FETAL/ST000005": HEAD, "FETAL/ST000006": HEAD}
OTHERS = {
    "CT": "CT_small.dcm",
    "HEART": "examples_ybr_color.dcm",
    "FACE": "OT-PAL-8-face.dcm",
    "DOPPLER": "US1_UNCR.dcm",
}
PACKAGES = ("pydicom", "data_store")  # the second is pydicom-data


def real_file(name: str) -> Path | None:
    """A test file that one of the packages brings."""
    places = [spec.submodule_search_locations[0] for package in PACKAGES if (spec := find_spec(package)) is not None]
    return next((found for place in places for found in Path(place).rglob(name)), None)


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Images of the demo, and of pydicom a CT slice, a cine of a heart, a screen dump and a colour Doppler picture."""
    folder = tmp_path_factory.mktemp("mixed")
    for still in STILLS:
        shutil.copytree(EXPORT / still, folder / "export" / still)
    for name, file in OTHERS.items():
        if (path := real_file(file)) is not None:
            shutil.copy(path, folder / "export" / name)
    dump = Image.new("RGB", (640, 480), "navy")
    ImageDraw.Draw(dump).multiline_text(
        (40, 40), "Worklist\n\n1  09:00\n2  09:20\n3  09:40", fill="white", font_size=40
    )
    dump.save(folder / "export" / "SCREEN.png")
    echocare.predict_auto(folder / "export", folder / "out", settings={"device": "cpu"})
    return pd.read_csv(folder / "out" / "results.csv", keep_default_na=False).set_index("source")


@pytest.mark.parametrize(("still", "bundle"), list(STILLS.items()))
def test_an_image_of_the_demo_goes_to_its_bundle(still: str, bundle: str, routed: pd.DataFrame) -> None:
    assert routed.loc[f"{still}/SE000001/IM000001", "bundles"] == bundle


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CT", "not ultrasound (CT, CT Image Storage)"),
        ("FACE", "not ultrasound (OT, Secondary Capture Image Storage)"),
        ("HEART", "none of these: does not look like ultrasound that the bundles know."),
        ("DOPPLER", "none of these: does not look like ultrasound that the bundles know."),
        ("SCREEN.png", "none of these: does not look like ultrasound that the bundles know."),
    ],
)
def test_what_no_bundle_is_meant_for_is_set_aside_with_its_reason(name: str, reason: str, routed: pd.DataFrame) -> None:
    if name not in routed.index:
        pytest.skip("needs pydicom-data, which has this file")
    assert reason in routed.loc[name, "reason"]
    assert routed.loc[name, "bundles"] == ""


def test_every_file_has_a_bundle_or_a_reason(routed: pd.DataFrame) -> None:
    assert ((routed["bundles"] == "") == (routed["reason"] != "")).all()
