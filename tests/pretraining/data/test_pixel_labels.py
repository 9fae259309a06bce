"""Masks of a mix as labels of pixels: what an item holds, and each mistake that is told before the training."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ultrasound_files import region, write_ultrasound

from echocare_core.errors import TableError
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.mix import check_masks, read_mix
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import write_shards
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree

TREE = OrganTree(
    [
        *(Node(1, "abdomen"), Node(101, "liver", 1), Node(7, "thorax"), Node(701, "breast", 7)),
        Node(1001, "veins", 101),
        *(Node(10001, "liver mass", 101, structure=True), Node(70001, "breast lesion", 701, structure=True)),
    ]
)
SIZE, HEIGHT, WIDTH = 32, 40, 80
UNKNOWN, BACKGROUND = 0, 1  # rows of states
MASK = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
MASK[10:30, 20:40] = 1


@pytest.fixture
def folder(tmp_path):
    """A data set of two images of 40x80 px, the first with a mask."""
    write_set(tmp_path / "breast", MASK, None)
    return tmp_path


def write_set(folder, *masks, split="train"):
    """A table with an image for each mask; None leaves its cell empty."""
    folder.mkdir()
    rows = []
    for number, mask in enumerate(masks):
        grey = np.random.default_rng(number).integers(30, 200, (HEIGHT, WIDTH), dtype=np.uint8)
        Image.fromarray(grey).save(folder / f"{number}.png")
        if mask is not None:
            Image.fromarray(mask).save(folder / f"mask-{number}.png")
        rows.append((f"{number}.png", "" if mask is None else f"mask-{number}.png", f"p{number}", split))
    pd.DataFrame(rows, columns=["image", "mask", "group", "split"]).to_csv(folder / "table.csv", index=False)


def mix_of(folder, *rows, **options):
    (folder / "mix.csv").write_text("\n".join(["name,source,organ,weight,pixel_labels", *rows]), encoding="utf-8")
    return read_mix(folder / "mix.csv", TREE, **options)


def refused(match):
    return pytest.raises(TableError, match=match)


@pytest.mark.parametrize("cache", [False, True])
def test_an_item_holds_the_labels_of_its_pixels_and_unknown_beyond_the_picture(folder, cache):
    images = PretrainingImages(mix_of(folder, "B,breast,breast,,1=breast lesion"), SIZE, cache=cache)
    wanted = torch.full((1, SIZE, SIZE), UNKNOWN, dtype=torch.uint8)
    wanted[:, 8:24] = BACKGROUND
    wanted[:, 12:20, 8:16] = 2
    for _ in range(2):
        item = images[0, 0, 5]
        assert torch.equal(item["pixel_label"], wanted)
        assert (item["image"].shape, item["inside_sector"].shape) == ((3, SIZE, SIZE), (1, SIZE, SIZE))


def test_labels_lie_where_the_image_shows_them(tmp_path):
    write_set(tmp_path / "breast", MASK)
    Image.fromarray(MASK * 250).save(tmp_path / "breast" / "0.png")
    item = PretrainingImages(mix_of(tmp_path, "B,breast,breast,,1=breast lesion"), SIZE)[0, 0, 0]
    assert torch.equal(item["pixel_label"] == 2, item["image"][:1] > 125)


@pytest.mark.parametrize("cache", [False, True])
def test_of_an_image_without_a_mask_and_of_a_set_without_labels_nothing_is_known(folder, cache):
    write_set(folder / "liver", MASK)
    mix = mix_of(folder, "B,breast,breast,,1=breast lesion", "L,liver,liver,,")
    images = PretrainingImages(mix, SIZE, cache=cache)
    batch = collate([images[0, 0, 0], images[0, 1, 1], images[1, 0, 2], images[1, 0, 3]])
    assert batch["pixel_label"].shape == (4, 1, SIZE, SIZE)
    assert batch["pixel_label"].amax((1, 2, 3)).tolist() == [2, UNKNOWN, UNKNOWN, UNKNOWN]


def test_a_mask_of_0_and_255_is_one_of_0_and_1(folder):
    write_set(folder / "white", MASK * 255)
    images = PretrainingImages(
        mix_of(folder, "B,breast,breast,,1=breast lesion", "W,white,breast,,1=breast lesion"), SIZE
    )
    assert torch.equal(images[0, 0, 0]["pixel_label"], images[1, 0, 0]["pixel_label"])


def test_masks_between_semicolons_are_one_mask(folder):
    write_set(folder / "halves", MASK)
    for name, part in (("left", np.s_[:, :30]), ("right", np.s_[:, 30:])):
        half = np.zeros_like(MASK)
        half[part] = MASK[part]
        Image.fromarray(half).save(folder / "halves" / f"{name}.png")
    table = folder / "halves" / "table.csv"
    table.write_text(table.read_text().replace("mask-0.png", "left.png;right.png"))
    mix = mix_of(folder, "B,breast,breast,,1=breast lesion", "H,halves,breast,,1=breast lesion")
    check_masks(mix)
    images = PretrainingImages(mix, SIZE)
    assert torch.equal(images[0, 0, 0]["pixel_label"], images[1, 0, 0]["pixel_label"])


def test_each_value_has_the_states_of_its_node(tmp_path):
    write_set(tmp_path / "liver", MASK + MASK.T[:1, :1])
    mask = MASK.copy()
    mask[15:20, 25:30] = 2
    Image.fromarray(mask).save(tmp_path / "liver" / "mask-0.png")
    mix = mix_of(tmp_path, "L,liver,liver,,1=liver; 2=liver mass")
    label = PretrainingImages(mix, SIZE)[0, 0, 0]["pixel_label"]
    found = {tuple(mix.pixel_tree.states[row]) for row in np.unique(label) if row}
    assert found == {(0, 0), (1, 0), (1, 1)}


def test_labels_are_cropped_to_the_scan_region_as_the_image_is(tmp_path):
    (tmp_path / "breast").mkdir()
    pixels = np.repeat(MASK[..., None] * 250, 3, axis=2)
    write_ultrasound(tmp_path / "breast" / "a.dcm", pixels[np.newaxis], regions=[region((5, 10, 35, 70))])
    Image.fromarray(MASK).save(tmp_path / "breast" / "a.png")
    (tmp_path / "breast" / "table.csv").write_text("image,mask,group,split\na.dcm,a.png,1,train\n", encoding="utf-8")
    mix = mix_of(tmp_path, "B,breast,breast,,1=breast lesion")
    check_masks(mix)
    item = PretrainingImages(mix, 60)[0, 0, 0]
    assert torch.equal(item["pixel_label"] == 2, item["image"][:1] > 125)


def test_the_check_of_masks_reads_the_headers_of_images_alone(folder, monkeypatch):
    write_ultrasound(folder / "breast" / "a.dcm", np.zeros((1, HEIGHT, WIDTH, 3), np.uint8))
    with (folder / "breast" / "table.csv").open("a") as table:
        table.write("a.dcm,mask-0.png,p9,train\n")
    mix = mix_of(folder, "B,breast,breast,,1=breast lesion")
    monkeypatch.setattr("echocare_core.frames.lazy.LazyPixels.__getitem__", lambda *_: pytest.fail("a pixel was read"))

    check_masks(mix)
    with pytest.raises(pytest.fail.Exception):
        PretrainingImages(mix, SIZE)[0, 2, 0]


def test_a_mix_without_the_column_has_no_channels(folder):
    (folder / "mix.csv").write_text("name,source,organ,weight\nB,breast,breast,\n", encoding="utf-8")
    mix = read_mix(folder / "mix.csv", TREE)
    assert (len(mix.pixel_tree), mix.sources[0].pixel_rows) == (0, None)
    check_masks(mix)


@pytest.mark.parametrize("column", ["pixel_label", "pixels_labels", "Pixel Label"])
def test_a_column_that_is_nearly_the_one_of_the_labels_is_refused(folder, column):
    (folder / "mix.csv").write_text(f"name,source,organ,weight,{column}\nB,breast,breast,,1=breast lesion\n", "utf-8")
    with pytest.raises(TableError, match=r"mix.csv has the column '.*'; needed pixel_labels"):
        read_mix(folder / "mix.csv", TREE)


def test_an_evaluation_knows_the_channels_of_sets_that_it_leaves_out(folder):
    write_set(folder / "liver", MASK, split="test")
    rows = ("B,breast,breast,,1=breast lesion", "L,liver,liver,,1=liver mass")
    found = mix_of(folder, *rows, splits=["test"], leave_out_others=True)
    assert [source.name for source in found.sources] == ["L"]
    assert found.pixel_tree.fingerprint == mix_of(folder, *rows, splits=["train", "test"]).pixel_tree.fingerprint


def test_other_masks_are_other_data(folder):
    rows = ("B,breast,breast,,1=breast lesion",)
    before = mix_of(folder, *rows).sources[0].fingerprint()
    table = folder / "breast" / "table.csv"
    table.write_text(table.read_text().replace(",mask-0.png", ","))
    assert mix_of(folder, *rows).sources[0].fingerprint() != before


# What is refused, by the name of the data set.


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("B,breast,breast,,1=breast leson", "row 1 .B.: .*no 'breast leson'.*nearest names are breast lesion"),
        ("B,breast,breast,,breast lesion", "row 1 .B.: pixel_labels has 'breast lesion'; needed a value"),
        ("B,breast,,,1=breast lesion", "row 1 .B.: pixel_labels of images without an organ"),
        (
            "B,breast,breast,,1=breast; 2=liver mass",
            "row 1 .B.: pixel_labels has '2=liver mass', a structure of liver, and the images show breast; needed",
        ),
        ("S,shards,liver,,1=liver mass", "row 1 .S.: shards hold no masks"),
        ("B,bare,breast,,1=breast lesion", "row 1 .B.: .*lacks the columns mask"),
        ("B,gone,breast,,1=breast lesion", "row 1 .B.: .*row 1, mask mask-0.png is not there"),
    ],
)
def test_pixel_labels_that_cannot_be_used_are_refused(folder, row, match):
    write_shards(
        [ShardSample("1", "liver", "p", lambda: (folder / "breast" / "0.png").read_bytes())], folder / "shards"
    )
    for name in ("bare", "gone"):
        write_set(folder / name, MASK)
    (folder / "bare" / "table.csv").write_text("image,group,split\n0.png,p,train\n", encoding="utf-8")
    (folder / "gone" / "mask-0.png").unlink()
    with refused(match):
        mix_of(folder, row)


@pytest.mark.parametrize(
    "row", ["breast,,1=liver", "liver,,1=liver mass", "abdomen,,1=liver mass", "veins,,1=liver mass"]
)
def test_a_neighbouring_organ_and_structures_above_and_below_the_organ_are_taken(folder, row):
    mix_of(folder, f"B,breast,{row}")


def test_the_organs_of_the_table_count_as_those_of_the_row(folder):
    table = folder / "breast" / "table.csv"
    first, *others = table.read_text().splitlines()
    table.write_text("\n".join([f"{first},organ", f"{others[0]},liver", *(f"{row}," for row in others[1:])]))
    mix_of(folder, "B,breast,breast,,1=breast lesion; 2=liver mass")


@pytest.mark.parametrize(
    ("mask", "match"),
    [
        (MASK[:, 1:], r"row 1, Mask .*mask-0.png has shape \(40, 79\); needed that of its image, \(40, 80\)"),
        (MASK * 2, "row 1, Mask .*mask-0.png holds the value 2"),
        (MASK * 3, "row 1, Mask .*mask-0.png holds the value 3"),
    ],
)
@pytest.mark.parametrize("labels", ["1=breast lesion", "1=breast lesion; 4=breast"])
def test_a_mask_of_another_size_or_with_a_value_without_label_is_refused(tmp_path, mask, match, labels):
    write_set(tmp_path / "breast", mask)
    with refused("breast.table.csv has 1 mistake: " + match):
        check_masks(mix_of(tmp_path, f"B,breast,breast,,{labels}"))


def test_a_mask_of_a_cine_is_refused(tmp_path):
    (tmp_path / "breast").mkdir()
    write_ultrasound(tmp_path / "breast" / "a.dcm", np.zeros((3, HEIGHT, WIDTH, 3), np.uint8), frame_time_ms=30)
    Image.fromarray(MASK).save(tmp_path / "breast" / "a.png")
    (tmp_path / "breast" / "table.csv").write_text("image,mask,group,split\na.dcm,a.png,1,train\n", encoding="utf-8")
    with refused("a.dcm has 3 frames; needed one under a mask"):
        check_masks(mix_of(tmp_path, "B,breast,breast,,1=breast lesion"))


def test_pixel_labels_without_a_single_mask_are_refused(tmp_path):
    write_set(tmp_path / "breast", None, None)
    with refused("names no mask in the splits that are trained on"):
        check_masks(mix_of(tmp_path, "B,breast,breast,,1=breast lesion"))


def test_the_mask_of_an_image_that_cannot_be_read_is_passed(folder):
    (folder / "breast" / "0.png").write_bytes(b"broken")
    check_masks(mix_of(folder, "B,breast,breast,,1=breast lesion"))


def test_one_data_set_with_pixel_labels_is_warned_of(folder, caplog):
    caplog.set_level(logging.WARNING)
    check_masks(mix_of(folder, "B,breast,breast,,1=breast lesion"))
    assert "Only B has pixel_labels" in caplog.text


def test_two_data_sets_with_pixel_labels_are_not(folder, caplog):
    write_set(folder / "liver", MASK)
    check_masks(mix_of(folder, "B,breast,breast,,1=breast lesion", "L,liver,liver,,1=liver mass"))
    assert caplog.text == ""
