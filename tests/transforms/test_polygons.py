"""Polygons of LabelMe, COCO and CVAT become label maps of the pixels whose centres they hold, or are refused."""

import json

import numpy as np
import pytest
from PIL import Image

from echocare_core.errors import TableError
from echocare_core.transforms import LoadMaskd, LoadUltrasoundd
from echocare_core.transforms.mask import check_mask_size, read_mask
from echocare_core.transforms.of_image import OfImage

SIZE = (24, 32)
A, B = OfImage("/study/one/a.png"), OfImage("/study/two/a.png")
BOX = [[5, 3], [11, 3], [11, 9], [5, 9]]  # x, y: columns 5 to 10 of rows 3 to 8
OTHER = [[8, 6], [20, 6], [20, 12], [8, 12]]
TRIANGLE = [[4.2, 2.7], [27.6, 8.1], [11.3, 20.9]]


def boxed(value=1):
    values = np.zeros(SIZE, dtype=np.uint8)
    values[3:9, 5:11] = value
    return values


def labelme(*shapes, **changed):
    shapes = [{"shape_type": "polygon", "flags": {}, **shape} for shape in shapes]
    return {"shapes": shapes, "imagePath": "x.png", "imageHeight": 24, "imageWidth": 32, **changed}


def coco(*annotations, categories=((1, "lesion"), (2, "duct")), names=("one/a.png",), **changed):
    return {
        "images": [{"id": 7 + n, "file_name": name, "height": 24, "width": 32} for n, name in enumerate(names)],
        "annotations": [{"image_id": 7, "category_id": 1, **one} for one in annotations],
        "categories": [{"id": number, "name": name} for number, name in categories],
        **changed,
    }


def flat(points):
    return [number for point in points for number in point]


def cvat(content, name="one/a.png", height=24, before=""):
    return (
        f'{before}<annotations><image id="0" name="{name}" width="32" height="{height}">{content}</image></annotations>'
    )


def drawn(points, label="1", more=""):
    return f'<polygon label="{label}" points="{";".join(f"{x},{y}" for x, y in points)}" {more}/>'


FORMS = {
    "labelme": lambda points: labelme({"label": "lesion", "points": points}),
    "coco": lambda points: coco({"segmentation": [flat(points)]}),
    "cvat": lambda points: cvat(f'<tag label="B-mode"/>{drawn(points, "lesion")}'),
}


@pytest.fixture
def saved(tmp_path):
    """Writes JSON or XML, and returns its path."""

    def write(content):
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        (tmp_path / "drawn").write_text(text, encoding="utf-8-sig")
        return str(tmp_path / "drawn")

    return write


def refused(match):
    return pytest.raises(TableError, match=match)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_box_holds_the_pixels_between_its_edges(saved, form):
    np.testing.assert_array_equal(read_mask(saved(form(BOX)), SIZE, 2, image=A), boxed())


def is_inside(x, y, points):
    """Whether a ray to the right crosses the outline an odd number of times."""
    odd = False
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            odd = not odd
    return odd


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_pixel_is_inside_where_its_centre_is(saved, form):
    expected = [[is_inside(column + 0.5, row + 0.5, TRIANGLE) for column in range(32)] for row in range(24)]
    np.testing.assert_array_equal(read_mask(saved(form(TRIANGLE)), SIZE, 2, image=A), expected)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_lies_beyond_the_picture_is_left_out(saved, form):
    beyond = [[-9, -9], [99, -9], [99, 99], [-9, 99]]
    assert (read_mask(saved(form(beyond)), SIZE, 2, image=A) == 1).all()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("points", [BOX[:2], [[1, 1], [2, float("nan")], [3, 1]]], ids=["two corners", "nan"])
def test_a_polygon_without_corners_is_refused(saved, form, points):
    with refused(r"drawn has a polygon without 3 corners of x and y"):
        read_mask(saved(form(points)), SIZE, 2, image=A)


def test_a_picture_without_polygons_is_all_background(saved):
    for content in (labelme(), coco(), cvat("")):
        assert not read_mask(saved(content), SIZE, 2, image=A).any()


@pytest.mark.parametrize("content", [labelme(), coco(), cvat("")], ids=FORMS)
def test_a_picture_without_polygons_is_said_once_to_have_nothing_to_find(saved, content, caplog):
    for _ in range(2):
        read_mask(saved(content), SIZE, 2, image=A)
    [line] = caplog.messages
    assert "without an outline in its picture is read as nothing to find there (drawn, and" in line


@pytest.mark.parametrize("form", ["labelme", "cvat"])
def test_a_name_that_is_no_number_is_refused_where_a_bundle_has_several_labels(saved, form):
    with refused(r"drawn has a polygon called 'lesion'; needed a number from 1 to 2\. Call it by that of its label"):
        read_mask(saved(FORMS[form](BOX)), SIZE, 3, image=A)


@pytest.mark.parametrize("content", [labelme({"label": "2", "points": BOX}), cvat(drawn(BOX, "2"))])
def test_a_name_that_is_a_number_is_the_label(saved, content):
    np.testing.assert_array_equal(read_mask(saved(content), SIZE, 3, image=A), boxed(2))


@pytest.mark.parametrize("name", ["0", "3", "-1", "1.5"])
def test_a_number_that_is_no_label_is_refused(saved, name):
    with refused(f"has a polygon called '{name}'; needed a number from 1 to 2"):
        read_mask(saved(labelme({"label": name, "points": BOX})), SIZE, 3, image=A)


@pytest.mark.parametrize(
    ("categories", "label"),
    [
        (((3, "lesion"), (9, "duct")), 2),
        (((9, "duct"), (3, "lesion")), 2),
        (((3, "2"), (9, "1")), 1),
        (((3, "2"), (9, "duct")), 2),
    ],
    ids=["in order of ids", "however listed", "named by number", "not all named so"],
)
def test_a_category_of_coco_gives_the_label(saved, categories, label):
    content = coco({"segmentation": [flat(BOX)], "category_id": 9}, categories=categories)
    np.testing.assert_array_equal(read_mask(saved(content), SIZE, 3, image=A), boxed(label))


def test_a_category_beyond_the_labels_is_refused(saved):
    content = coco({"segmentation": [flat(BOX)], "category_id": 3}, categories=((1, "a"), (2, "b"), (3, "c")))
    with refused(r"has a polygon called 'c', which is number 3; needed a number from 1 to 2"):
        read_mask(saved(content), SIZE, 3, image=A)


def test_a_category_above_all_others_that_no_polygon_has_is_not_counted(saved):
    content = coco({"segmentation": [flat(BOX)], "category_id": 1}, categories=((0, "all"), (1, "a"), (2, "b")))
    assert set(np.unique(read_mask(saved(content), SIZE, 3, image=A))) == {0, 1}


def test_with_one_label_every_polygon_is_that_label_and_several_names_are_said(saved, caplog):
    content = labelme({"label": "lesion", "points": BOX}, {"label": "2", "points": OTHER})
    read = read_mask(saved(content), SIZE, 2)
    assert (set(np.unique(read)), read.sum()) == ({0, 1}, 36 + 72 - 9)
    assert "with polygons of several names (lesion, 2) is read as one label" in caplog.text


def test_of_polygons_that_overlap_the_later_one_is_kept_and_it_is_said_once(saved, caplog):
    path = saved(labelme({"label": "2", "points": BOX}, {"label": "1", "points": OTHER}))
    for _ in range(2):
        read = read_mask(path, SIZE, 3)
    assert (read == 1).sum() == 72
    assert (read == 2).sum() == 36 - 9
    assert sum("whose labels overlap" in one.message for one in caplog.records) == 1


def test_cvat_says_which_polygon_lies_above(saved):
    above, below = drawn(BOX, "2", 'z_order="1"'), drawn(OTHER, "1", 'z_order="0"')
    assert (read_mask(saved(cvat(above + below)), SIZE, 3, image=A) == 2).sum() == 36


def test_an_object_of_coco_in_two_pieces_is_both(saved):
    far = [[x, y + 12] for x, y in BOX]
    assert read_mask(saved(coco({"segmentation": [flat(BOX), flat(far)]})), SIZE, 2, image=A).sum() == 72


SHAPES = {
    "rle": coco({"segmentation": {"counts": "abc", "size": [24, 32]}, "iscrowd": 1}),
    "box of coco": coco({"segmentation": [], "bbox": [1, 1, 3, 3]}),
    "circle": labelme({"label": "1", "points": BOX[:2], "shape_type": "circle"}),
    "ellipse": cvat('<ellipse label="1" cx="3" cy="3" rx="1" ry="1"/>'),
    "mask of cvat": cvat('<mask label="1" rle="3, 4" left="0" top="0" width="3" height="3"/>'),
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_a_shape_that_is_no_polygon_is_refused_by_its_name(saved, content):
    with refused(
        "drawn holds a shape that is no polygon, (region of pixels|box|circle|ellipse|mask).*; needed polygons"
    ):
        read_mask(saved(content), SIZE, 2, image=A)


@pytest.mark.parametrize(
    "content", [labelme(imageHeight=25), coco(names=["a.png"]) | {"images": [
        {"id": 7, "file_name": "a.png", "height": 25, "width": 32}]}, cvat("", height=25)],
)  # fmt: skip
def test_another_size_than_the_picture_is_refused(saved, content):
    with refused(r"drawn has shape \(25, 32\); needed that of its image, \(24, 32\)"):
        check_mask_size(saved(content), SIZE, A)


TWO = {
    "coco": coco({"segmentation": [flat(BOX)]}, names=("set/one/a.png", "set\\two\\a.png", "b.png")),
    "cvat": cvat(drawn(BOX), "set/one/a.png").replace(
        "</annotations>",
        '<image name="set/two/a.png" width="32" height="24"/><image name="b.png" width="32" height="24"/>'
        "</annotations>",
    ),
}


@pytest.mark.parametrize("content", TWO.values(), ids=TWO)
def test_a_file_of_all_pictures_gives_that_of_the_image_by_name_and_folder(saved, content):
    path = saved(content)
    assert [read_mask(path, SIZE, 2, image=one).sum() for one in (A, B, OfImage("b.png"))] == [36, 0, 0]


@pytest.mark.parametrize("content", TWO.values(), ids=TWO)
@pytest.mark.parametrize(
    ("image", "what"),
    [
        (OfImage("c.png"), "0 called c.png"),
        (OfImage("a.png"), "2 called a.png"),
        (OfImage(), "3 to choose from without the name of the image"),
    ],
)
def test_a_picture_that_is_not_found_by_its_name_is_refused(saved, content, image, what):
    with refused(rf"drawn is of 3 pictures, {what}; needed one"):
        check_mask_size(saved(content), SIZE, image)


def test_a_file_of_one_picture_needs_no_name(saved):
    np.testing.assert_array_equal(read_mask(saved(FORMS["coco"](BOX)), SIZE, 2), boxed())


def test_a_file_that_was_written_again_is_read_again(saved):
    assert read_mask(saved(FORMS["labelme"](BOX)), SIZE, 2).sum() == 36
    assert read_mask(saved(FORMS["labelme"](OTHER)), SIZE, 2).sum() == 72


DAMAGED = {
    "cut json": '{"shapes": [',
    "no size": json.dumps({"shapes": []}),
    "no annotations": json.dumps({"images": []}),
    "deep": '{"shapes":' + "[" * 100_000,
    "cut xml": "<annotations><image",
    "no number": cvat(drawn(BOX)).replace("5,3", "5"),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_by_name(saved, content):
    with refused(r"drawn (cannot be read \(|has a polygon without)"):
        read_mask(saved(content), SIZE, 2, image=A)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"polygons": []}', r"is JSON without shapes \(LabelMe\) or images \(COCO\)"),
        ("<annotations><track/></annotations>", "is XML without images; needed that of 'CVAT for images 1.1'"),
        (cvat(drawn(BOX), before='<!DOCTYPE a [<!ENTITY b "c">]>'), "is XML with a DOCTYPE, which is not read"),
    ],
)
def test_another_kind_of_file_is_told_apart(saved, content, what):
    with refused(rf"drawn {what}"):
        read_mask(saved(content), SIZE, 2, image=A)


def test_the_image_that_was_loaded_finds_its_polygons(tmp_path, saved):
    (tmp_path / "one").mkdir()
    Image.new("RGB", (32, 24)).save(tmp_path / "one" / "a.png")
    item = LoadUltrasoundd("image")({"image": str(tmp_path / "one" / "a.png"), "label": saved(TWO["cvat"])})
    np.testing.assert_array_equal(LoadMaskd("label", "image", 2)(item)["label"][0], boxed())


def test_a_threshold_for_masks_of_jpeg_changes_no_polygon(saved):
    np.testing.assert_array_equal(read_mask(saved(FORMS["labelme"](BOX)), SIZE, 2, threshold=128), boxed())
