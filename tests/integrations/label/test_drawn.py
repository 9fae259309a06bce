"""A drawn mask becomes a segmentation of its picture, or of the frames of a cine that were drawn on."""

from pathlib import Path

import itk
import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import SettingsError, TableError
from echocare_core.integrations.label.drawn import build_drawn_seg, bundle_of
from echocare_core.integrations.label.items import frame_of, items_of

BUNDLES = Path(__file__).parents[3] / "bundles"
HEAD, BREAST = BUNDLES / "fetal_head_segmentation", BUNDLES / "breast_lesion_segmentation"
DRAWN = np.zeros((24, 32), dtype=np.uint8)
DRAWN[:4, -6:] = 1


@pytest.fixture
def cine(tmp_path):
    return write_ultrasound(tmp_path / "cine.dcm", marked(3), spacing_mm=(0.2, 0.2), frame_time_ms=40)


@pytest.fixture
def label(tmp_path):
    """Save what is drawn: (rows, columns) as PNG, or (frames, rows, columns) as NRRD."""

    def save(drawn):
        path = tmp_path / ("label.png" if drawn.ndim == 2 else "label.nrrd")
        Image.fromarray(drawn).save(path) if drawn.ndim == 2 else itk.imwrite(itk.image_from_array(drawn), str(path))
        return path

    return save


def frames_of(seg):
    """1-based number of the frame of the source, and mask, of each frame of a segmentation."""
    bits = np.unpackbits(np.frombuffer(seg.PixelData, dtype=np.uint8), bitorder="little")
    masks = bits[: seg.NumberOfFrames * DRAWN.size].reshape(-1, *DRAWN.shape)
    images = [one.DerivationImageSequence[0].SourceImageSequence[0] for one in seg.PerFrameFunctionalGroupsSequence]
    return [image.get("ReferencedFrameNumber") for image in images], masks


def test_a_still_gets_the_mask_where_it_was_drawn(tmp_path, label):
    image = write_ultrasound(tmp_path / "still.dcm", marked(), spacing_mm=(0.2, 0.2))
    numbers, masks = frames_of(build_drawn_seg(image, label(DRAWN), None, HEAD))
    assert numbers == [None]
    np.testing.assert_array_equal(masks[0], DRAWN)


def test_the_frame_of_a_cine_is_the_one_that_was_said(cine, label):
    seg = build_drawn_seg(cine, label(DRAWN), 2, HEAD)
    assert frames_of(seg)[0] == [3]
    assert seg.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert seg.SegmentSequence[0].SegmentLabel == "head"


def test_only_frames_that_were_drawn_on_are_in_it(cine, label):
    numbers, masks = frames_of(build_drawn_seg(cine, label(np.stack([DRAWN, DRAWN * 0, DRAWN[::-1]])), None, HEAD))
    assert numbers == [1, 3]
    np.testing.assert_array_equal(masks[1], DRAWN[::-1])


def test_the_same_drawing_is_the_same_object_and_another_one_has_its_own_series(cine, label):
    first, again = (build_drawn_seg(cine, label(DRAWN), 1, HEAD) for _ in range(2))
    other = build_drawn_seg(cine, label(DRAWN[::-1].copy()), 1, HEAD)
    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert len({first.SeriesInstanceUID, other.SeriesInstanceUID}) == 2


def test_nothing_drawn_makes_no_object(cine, label):
    assert build_drawn_seg(cine, label(DRAWN * 0), 0, HEAD) is None


def test_a_cine_needs_the_frame_of_a_single_mask(cine, label):
    with pytest.raises(TableError, match="is of 1 frames and its cine has 3; needed one of each"):
        build_drawn_seg(cine, label(DRAWN), None, HEAD)


def test_a_whole_series_has_no_mask(tmp_path, label):
    with pytest.raises(SettingsError, match="draw on SERIES/INSTANCE"):
        build_drawn_seg(tmp_path, label(DRAWN), None, HEAD)


@pytest.mark.parametrize(
    ("info", "frame"), [({}, None), ({"frame": 3}, 3), ({"params": {"frame": "4"}}, 4), ({"params": None}, None)]
)
def test_the_frame_is_what_was_saved_with_the_mask(info, frame):
    assert frame_of(info) == frame


def test_a_cine_trains_on_the_frames_that_were_drawn_on(cine, label):
    masks = label(np.stack([DRAWN * 0, DRAWN, DRAWN]))
    items = list(items_of({"image": str(cine), "label": str(masks)}, None))
    assert [item["frame"] for item in items] == [1, 2]


@pytest.mark.parametrize(
    ("info", "bundle"),
    [
        ({}, HEAD),
        ({"model": BREAST.name}, BREAST),
        ({"label_info": [{"name": "Lesion"}]}, BREAST),
        ({"label_info": [{"name": "unheard of"}]}, HEAD),
    ],
)
def test_whose_labels_were_drawn_is_told_by_their_names(info, bundle):
    assert bundle_of(info, [HEAD, BREAST]) == bundle
