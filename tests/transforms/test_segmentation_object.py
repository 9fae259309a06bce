"""DICOM Segmentations, as highdicom and other programs write them, lie on their pictures as they were drawn."""

import highdicom as hd
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import RLELossless
from ultrasound_files import CINE, DEFLATED, marked, write_dataset, write_ultrasound

from echocare_core.errors import TableError
from echocare_core.results.dicom.said import Said
from echocare_core.results.dicom.seg import build_seg
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.transforms import LoadMaskd, LoadUltrasoundd
from echocare_core.transforms.mask import check_mask_size, read_mask
from echocare_core.transforms.of_image import OfImage
from echocare_core.types import BundleCard, Details

CARD = BundleCard("lesion_bundle", "1.2.0", "Lesion outline", "Research on phantoms.", "ab" * 32)
LABEL_MAPS = pytest.mark.skipif(
    not hasattr(hd.seg.SegmentationTypeValues, "LABELMAP"), reason="this highdicom, an older one, writes no label maps"
)
KINDS = pytest.mark.parametrize("kind", ["BINARY", pytest.param("LABELMAP", marks=LABEL_MAPS)])
SIZE = (23, 31)  # 713 pixels: frames begin within a byte
UIDS = {name: f"1.2.3.{number}" for number, name in enumerate(["StudyInstanceUID", "SeriesInstanceUID"], start=1)}
PATIENT = {"PatientSex": "F", "StudyID": "1", "StudyDate": "20240105", "StudyTime": "120000", "AccessionNumber": "1"}


def box(top, left, value=1):
    values = np.zeros(SIZE, dtype=np.uint8)
    values[top : top + 6, left : left + 6] = value
    return values


@pytest.fixture
def picture(tmp_path):
    """Writes a still or a cine, and returns its path; highdicom joins stills that have a place in space alone."""

    def write(name="image.dcm", frames=1, place=None):
        kind = {"SOPClassUID": CINE, "FrameTime": 40} if frames > 1 else {}
        own = {**UIDS, **PATIENT, **kind, "InstanceNumber": 1, "SeriesNumber": 1}
        if place is not None:
            own |= {"FrameOfReferenceUID": "1.2.3.9", "PixelSpacing": [0.2, 0.2], "SliceThickness": 1}
            own |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, place]}
        pixels = marked(frames, *SIZE)
        return write_ultrasound(tmp_path / name, pixels, spacing_mm=(0.2, 0.2), attributes=own)

    return write


@pytest.fixture
def saved(tmp_path):
    """Writes the Segmentation that highdicom makes, and returns its path."""

    def write(images, masks, numbers=(1,), kind="BINARY", change=None, **how):
        segments = [
            hd.seg.SegmentDescription(number, f"segment {number}", codes.SCT.Tissue, codes.SCT.Breast, "MANUAL")
            for number in numbers
        ]
        uid = hd.UID
        made = hd.seg.Segmentation(
            [dcmread(one) for one in images], np.asarray(masks), kind, segments, uid(), 1, uid(), 1, "A", "B", "1", "2",
            **how,
        )  # fmt: skip
        if change:
            change(made)
        made.save_as(tmp_path / "seg.dcm")
        return str(tmp_path / "seg.dcm")

    return write


def of(image):
    return OfImage(str(image), str(dcmread(image).SOPInstanceUID))


def about_frames(image, numbers):
    """Lets an object refer to frames of one picture, counted from 1, in place of the stills it refers to."""

    def change(made):
        for groups in made.PerFrameFunctionalGroupsSequence:
            source = groups.DerivationImageSequence[0].SourceImageSequence[0]
            source.ReferencedFrameNumber = numbers[source.ReferencedSOPInstanceUID]
            source.ReferencedSOPInstanceUID = of(image).instance_uid

    return change


def refused(match):
    return pytest.raises(TableError, match=match)


@KINDS
def test_a_still_is_read_as_it_was_drawn(picture, saved, kind):
    image = picture()
    path = saved([image], box(2, 3)[None], kind=kind)
    np.testing.assert_array_equal(read_mask(path, SIZE, 2, image=of(image)), box(2, 3))


@KINDS
def test_segments_are_labels_in_the_order_of_their_numbers(picture, saved, kind):
    image = picture()
    drawn = box(2, 3) + box(12, 3, 2) + box(12, 20, 3)
    numbers, kept = ((1, 2, 3), drawn) if kind == "BINARY" else ((2, 5, 9), np.array([0, 2, 5, 9], np.uint8)[drawn])
    path = saved([image], kept[None], numbers, kind)
    np.testing.assert_array_equal(read_mask(path, SIZE, 4, image=of(image)), drawn)


def test_a_segment_that_was_left_empty_keeps_its_number(picture, saved):
    image = picture()
    path = saved([image], box(12, 3, 2)[None], (1, 2))
    np.testing.assert_array_equal(read_mask(path, SIZE, 3, image=of(image)), box(12, 3, 2))


def test_where_segments_overlap_the_later_one_is_kept_and_it_is_said_once(picture, saved, caplog):
    image = picture()
    path = saved([image], np.stack([box(2, 3), box(4, 5)], axis=-1)[None], (1, 2))
    for _ in range(2):
        read = read_mask(path, SIZE, 3, image=of(image))
    assert ((read == 1).sum(), (read == 2).sum()) == (36 - 16, 36)
    assert sum("whose labels overlap is read with the later label on top" in one.message for one in caplog.records) == 1


def test_more_segments_than_the_bundle_has_labels_are_refused(picture, saved):
    path = saved([picture()], box(2, 3)[None], (1, 2))
    with refused(r"seg\.dcm has 2 segments; needed 1 at most"):
        read_mask(path, SIZE, 2)


@LABEL_MAPS
def test_a_label_map_may_be_compressed(picture, saved):
    image = picture()
    path = saved([image], box(2, 3)[None], kind="LABELMAP", transfer_syntax_uid=RLELossless)
    np.testing.assert_array_equal(read_mask(path, SIZE, 2, image=of(image)), box(2, 3))


def test_an_object_that_is_deflated_as_a_whole_is_read(picture, saved, tmp_path):
    image = picture()
    made = dcmread(saved([image], box(2, 3)[None]))
    path = write_dataset(tmp_path / "deflated.dcm", made, DEFLATED)
    np.testing.assert_array_equal(read_mask(str(path), SIZE, 2, image=of(image)), box(2, 3))


def test_fractions_are_refused(picture, saved):
    path = saved([picture()], box(2, 3)[None].astype(np.float32), kind="FRACTIONAL")
    with refused(r"seg\.dcm is a segmentation of the type FRACTIONAL; needed BINARY or LABELMAP"):
        read_mask(path, SIZE, 2)


@pytest.fixture
def of_a_cine(picture, saved):
    """A cine of four frames, and the object of its second and last ones, the last first."""
    cine, stills = picture("cine.dcm", 4), [picture("a.dcm", place=0), picture("b.dcm", place=1)]
    numbers = {of(still).instance_uid: number for still, number in zip(stills, (4, 2), strict=True)}
    return cine, saved(stills, [box(2, 3), box(9, 9)], change=about_frames(cine, numbers))


def test_a_frame_of_a_cine_gets_what_refers_to_it(of_a_cine):
    cine, path = of_a_cine
    for frame, drawn in ((1, box(9, 9)), (3, box(2, 3))):
        item = {"image": str(cine), "label": path, "frame": frame}
        loaded = LoadMaskd("label", image_key="image", labels=2)(LoadUltrasoundd("image")(item))
        np.testing.assert_array_equal(loaded["label"][0], drawn)


def test_a_frame_that_nothing_refers_to_is_refused(of_a_cine):
    cine, path = of_a_cine
    with refused(r"seg\.dcm says nothing of frame 2, counted from 0 \(it does of 1, 3\)"):
        read_mask(path, SIZE, 2, frame=2, image=of(cine))


def test_an_object_of_several_stills_gives_that_of_the_image(picture, saved):
    stills = [picture("a.dcm", place=0), picture("b.dcm", place=1)]
    path = saved(stills, [box(2, 3), box(9, 9)])
    for still, drawn in zip(stills, (box(2, 3), box(9, 9)), strict=True):
        np.testing.assert_array_equal(read_mask(path, SIZE, 2, image=of(still)), drawn)
    with refused(r"seg\.dcm refers to 2 objects, and the image is none of them by its UID"):
        read_mask(path, SIZE, 2, image=OfImage("c.png"))


def test_frames_that_refer_to_nothing_are_refused_where_they_are_several(picture, saved):
    def forget(made):
        for groups in made.PerFrameFunctionalGroupsSequence:
            del groups.DerivationImageSequence

    path = saved([picture("a.dcm", place=0), picture("b.dcm", place=1)], [box(2, 3), box(9, 9)], change=forget)
    with refused(r"seg\.dcm has 2 frames and does not say of which frame of its image each is"):
        read_mask(path, SIZE, 2)


def test_a_reference_to_another_object_is_said_once(picture, saved, caplog):
    path = saved([picture("a.dcm")], box(2, 3)[None])
    for _ in range(2):
        np.testing.assert_array_equal(read_mask(path, SIZE, 2, image=of(picture("b.dcm"))), box(2, 3))
    assert sum("refers to another object than its image" in one.message for one in caplog.records) == 1


def test_a_picture_without_a_uid_takes_the_mask_of_the_one_object(picture, saved, tmp_path):
    path = saved([picture()], box(2, 3)[None])
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "image.png")
    item = {"image": str(tmp_path / "image.png"), "label": path}
    loaded = LoadMaskd("label", image_key="image", labels=2)(LoadUltrasoundd("image")(item))
    np.testing.assert_array_equal(loaded["label"][0], box(2, 3))


def test_another_size_than_the_picture_is_refused_by_the_header(picture, saved):
    path = saved([picture()], box(2, 3)[None], change=lambda made: made.__delattr__("PixelData"))
    check_mask_size(path, SIZE)
    with refused(r"seg\.dcm has shape \(23, 31\); needed that of its image, \(31, 23\)"):
        check_mask_size(path, SIZE[::-1])


def test_an_object_without_its_pixels_is_refused(picture, saved):
    path = saved([picture()], box(2, 3)[None], change=lambda made: made.__delattr__("PixelData"))
    with refused(r"seg\.dcm has no uncompressed pixels"):
        read_mask(path, SIZE, 2)


@KINDS
def test_an_object_that_is_cut_short_is_refused(picture, saved, kind):
    path = saved([picture()], box(2, 3)[None], kind=kind)
    with open(path, "r+b") as file:
        file.truncate(file.seek(0, 2) - 30)
    with refused(r"seg\.dcm (is damaged|has .* bytes of pixel data)"):
        read_mask(path, SIZE, 2)


def test_a_segment_that_is_not_described_is_refused(picture, saved):
    def change(made):
        made.SegmentSequence[0].SegmentNumber = 2

    path = saved([picture()], box(2, 3)[None], change=change)
    with refused(r"seg\.dcm draws a segment 1 that it does not describe"):
        read_mask(path, SIZE, 2)


def test_another_dicom_object_is_refused_by_its_name(picture):
    with refused(r"image\.dcm is Ultrasound Image Storage; of DICOM a Segmentation is needed"):
        read_mask(str(picture()), SIZE, 2)


def test_what_a_bundle_stores_of_a_cine_is_read_back(tmp_path, picture):
    cine = picture("cine.dcm", 3)
    drawn = {0: box(2, 3), 2: box(9, 9, 2)}
    rows = [
        {"frame": number, "mask": f"{number}.png", "spacing_row_mm": None, "spacing_column_mm": None}
        for number in drawn
    ]
    for number, values in drawn.items():
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    details = [Details((), None, False, labels={1: "lesion", 2: "duct"})] * 2
    path = tmp_path / "seg.dcm"
    write_object(seal(build_seg(Said(read_source(cine), CARD, tmp_path, rows, details))), path)
    for number, values in drawn.items():
        np.testing.assert_array_equal(read_mask(str(path), SIZE, 3, frame=number, image=of(cine)), values)
