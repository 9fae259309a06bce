"""Packing a table into shards: what a training then reads, what stays behind, and what is set aside."""

import io
import json
import multiprocessing
import os

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner
from ultrasound_files import PATIENT_NAME, region, write_ultrasound

from echocare_core.cli import app, main
from echocare_core.errors import OutputError, SettingsError, TableError
from echocare_core.pretraining.data import pack
from echocare_core.pretraining.data.images import PretrainingImages
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.data.pack import pack_table
from echocare_core.pretraining.data.shards import Packed, ShardReader
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree

TREE = OrganTree([Node(1, "abdomen", None, (), {}), Node(101, "liver", 1, (), {})])
TREE_FILE = "version: 1\nregions:\n- {id: 1, name: abdomen, children: [{id: 101, name: liver}]}\n"
LIVER, SIZE = 1, 64


def ramp(number=0, height=96, width=128):
    """A smooth grey picture (height, width, 3) that JPEG keeps, of another brightness for each number."""
    row = np.linspace(40, 180 + number % 50, width)
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2).astype(np.uint8)


def write_table(folder, *images, organ="liver", split="train"):
    """A table of images given by their pixels, or by bytes to be stored as they stand."""
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        path = folder / f"{number}.png"
        path.write_bytes(image) if isinstance(image, bytes) else Image.fromarray(image).save(path)
    rows = "".join(f"{number}.png,patient{number},{split},{organ}\n" for number in range(len(images)))
    (folder / "table.csv").write_text("image,group,split,organ\n" + rows)
    return folder / "table.csv"


def packed_images(folder):
    """Pillow images of all rows, and their descriptions."""
    reader = ShardReader(folder)
    rows = [reader[row] for row in range(len(reader))]
    return [Image.open(io.BytesIO(image)) for image, _ in rows], [description for _, description in rows]


def written(folder):
    """Bytes of every file that is not hidden."""
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def items(folder, source, organ):
    """What a training gets from a source of one row."""
    (folder / "mix.csv").write_text(f"name,source,organ,weight\nours,{source},{organ},\n")
    images = PretrainingImages(read_mix(folder / "mix.csv", TREE), SIZE)
    return [images[0, row, 0] for row in range(len(images))]


def test_a_training_reads_the_same_pictures_from_shards_as_from_the_table(tmp_path):
    table = write_table(tmp_path / "in", *[ramp(number) for number in range(3)])
    pack_table(table, tmp_path / "out", long_side_px=SIZE, images_per_shard=2, tree=TREE)
    before, after = items(tmp_path, "in", ""), items(tmp_path, "out", "abdomen")
    assert [item["node"] for item in after] == [item["node"] for item in before] == [LIVER] * 3
    for one, other in zip(before, after, strict=True):
        assert (one["image"].int() - other["image"].int()).abs().max() <= 4
        assert torch.equal(one["inside_sector"], other["inside_sector"])


def test_rows_keep_their_number_in_the_table_and_their_group_as_a_hash(tmp_path):
    table = write_table(tmp_path / "in", ramp(), ramp(), ramp())
    table.write_text(table.read_text().replace("patient1,train", "patient1,test"))
    assert pack_table(table, tmp_path / "out", long_side_px=32) == Packed(2, 1, ())
    _, described = packed_images(tmp_path / "out")
    assert [one["name"] for one in described] == ["row 1", "row 3"]
    assert all(b"patient" not in content for content in written(tmp_path / "out").values())


@pytest.mark.parametrize(("splits", "images"), [(["test"], 1), (["train", "test"], 2)])
def test_the_splits_choose_the_rows(tmp_path, splits, images):
    table = write_table(tmp_path / "in", ramp(), ramp())
    table.write_text(table.read_text().replace("patient1,train", "patient1,test"))
    assert pack_table(table, tmp_path / "out", long_side_px=32, splits=splits).images == images


def test_a_table_without_organs_is_packed_without(tmp_path):
    table = write_table(tmp_path / "in", ramp())
    table.write_text("image,group,split\n0.png,p,unlabelled\n")
    pack_table(table, tmp_path / "out", long_side_px=32, tree=TREE)
    assert [one["organ"] for one in packed_images(tmp_path / "out")[1]] == [""]
    assert items(tmp_path, "out", "liver")[0]["node"] == LIVER


@pytest.mark.parametrize(
    ("height", "width", "size"), [(100, 200, (64, 32)), (200, 100, (32, 64)), (40, 50, (50, 40)), (64, 64, (64, 64))]
)
def test_images_are_made_smaller_with_their_proportions_and_never_larger(tmp_path, height, width, size):
    table = write_table(tmp_path / "in", ramp(0, height, width))
    pack_table(table, tmp_path / "out", long_side_px=64)
    assert packed_images(tmp_path / "out")[0][0].size == size


def test_grey_is_stored_in_one_channel_and_colour_in_three(tmp_path):
    coloured = ramp()
    coloured[30:60, 30:90] = (200, 60, 20)
    table = write_table(tmp_path / "in", ramp(), coloured)
    pack_table(table, tmp_path / "out", long_side_px=128)
    images, _ = packed_images(tmp_path / "out")
    assert [(image.format, image.mode) for image in images] == [("JPEG", "L"), ("JPEG", "RGB")]
    assert np.abs(np.asarray(images[1])[45, 60].astype(int) - (200, 60, 20)).max() <= 4


def test_a_better_quality_takes_more_bytes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    table = write_table(tmp_path / "in", noise)
    sizes = []
    for quality in (50, 95):
        pack_table(table, tmp_path / str(quality), long_side_px=64, quality=quality)
        sizes.append(len(ShardReader(tmp_path / str(quality))[0][0]))
    assert sizes[0] < sizes[1] / 2


def test_a_photograph_is_turned_upright_and_loses_what_its_camera_noted(tmp_path):
    table, exif = write_table(tmp_path / "in", ramp()), Image.Exif()
    exif[0x0112], exif[0x013B] = 6, PATIENT_NAME  # EXIF 2.3, 4.6.4: orientation, artist
    Image.fromarray(np.rot90(ramp())).save(tmp_path / "in" / "0.png", exif=exif)
    pack_table(table, tmp_path / "out", long_side_px=128)
    (image,), _ = packed_images(tmp_path / "out")
    assert (image.size, dict(image.getexif())) == ((128, 96), {})
    assert np.abs(np.asarray(image).astype(int) - ramp()[..., 0]).max() <= 4


def test_of_a_dicom_cine_the_scan_region_of_the_first_frame_is_packed_without_the_patient(tmp_path):
    cine = np.stack([ramp(0), 255 - ramp(0)])
    write_ultrasound(tmp_path / "a.dcm", cine, regions=[region((16, 32, 80, 112))], frame_time_ms=30)
    (tmp_path / "table.csv").write_text(f"image,group,split\na.dcm,{PATIENT_NAME},train\n")
    pack_table(tmp_path, tmp_path / "out", long_side_px=256)
    (image,), _ = packed_images(tmp_path / "out")
    assert np.abs(np.asarray(image).astype(int) - ramp()[16:80, 32:112, 0]).max() <= 4
    words = [word.encode() for word in (*PATIENT_NAME.split("^"), "ID-4711", "19700131", "a.dcm")]
    assert not any(word in content for content in written(tmp_path / "out").values() for word in words)


def test_unreadable_images_are_set_aside_by_name_and_the_shards_are_filled_with_the_next(tmp_path, caplog):
    whole = io.BytesIO()
    Image.fromarray(ramp()).save(whole, "png")
    table = write_table(tmp_path / "in", ramp(0), b"broken", ramp(2), ramp(3), whole.getvalue()[:200], ramp(5))
    packed = pack_table(table, tmp_path / "out", long_side_px=32, images_per_shard=2)
    assert packed == Packed(4, 2, ("row 2", "row 5"))
    assert [one["name"] for one in packed_images(tmp_path / "out")[1]] == ["row 1", "row 3", "row 4", "row 6"]
    listed = json.loads((tmp_path / "out" / "shards.json").read_text())
    assert listed["set_aside"] == ["row 2", "row 5"]
    assert [shard["images"] for shard in listed["shards"]] == [2, 2]
    assert "row 2 is set aside: 1.png is not DICOM, PNG, JPEG" in caplog.text


def test_an_image_that_would_be_too_thin_to_be_read_again_is_set_aside(tmp_path):
    table = write_table(tmp_path / "in", ramp(0, 40, 400), ramp())
    assert pack_table(table, tmp_path / "out", long_side_px=64).set_aside == ("row 1",)
    assert [item["set_aside"] for item in items(tmp_path, "out", "")] == [[]]


def test_a_table_without_a_readable_image_is_refused(tmp_path):
    table = write_table(tmp_path / "in", b"broken", b"broken")
    with pytest.raises(TableError, match=r"No sample for the shards in .* can be read \(2 set aside\); needed one"):
        pack_table(table, tmp_path / "out", long_side_px=32)


def _pack_until_killed(table, folder, row):
    encode = pack.encode_sample

    def encode_or_die(sample, **settings):
        return os._exit(9) if sample["name"] == f"row {row}" else encode(sample, **settings)

    pack.encode_sample = encode_or_die
    pack_table(table, folder, long_side_px=32, images_per_shard=3)


def test_a_killed_packing_goes_on_to_the_same_bytes_and_reads_no_finished_or_unreadable_image_again(
    tmp_path, monkeypatch
):
    images = [b"broken" if number in (1, 5) else ramp(number) for number in range(10)]
    table = write_table(tmp_path / "in", *images)
    pack_table(table, tmp_path / "at once", long_side_px=32, images_per_shard=3)
    packing = multiprocessing.get_context("fork").Process(target=_pack_until_killed, args=(table, tmp_path / "out", 7))
    packing.start()
    packing.join()
    assert packing.exitcode == 9
    assert {path.name for path in (tmp_path / "out").glob("[!.]*")} == {
        *("packing.json", "shard-000000.tar", "unreadable.json")
    }

    read, encode = [], pack.encode_sample
    monkeypatch.setattr(
        pack, "encode_sample", lambda sample, **sizes: read.append(sample["name"]) or encode(sample, **sizes)
    )
    packed = pack_table(table, tmp_path / "out", long_side_px=32, images_per_shard=3)
    assert packed == Packed(8, 3, ("row 2", "row 6"))
    assert written(tmp_path / "out") == written(tmp_path / "at once")
    assert read == ["row 5", "row 7", "row 8", "row 9", "row 10"]


def test_a_finished_packing_called_again_reads_nothing_and_says_the_same(tmp_path, monkeypatch):
    table = write_table(tmp_path / "in", ramp(), b"broken", ramp())
    first, before = pack_table(table, tmp_path / "out", long_side_px=32), written(tmp_path / "out")
    monkeypatch.setattr(pack, "encode_sample", lambda *_, **__: pytest.fail("An image was read again."))
    assert pack_table(table, tmp_path / "out", long_side_px=32) == first
    assert written(tmp_path / "out") == before


def test_an_unknown_organ_is_refused_before_anything_is_written(tmp_path):
    table = write_table(tmp_path / "in", ramp(), organ="lver")
    with pytest.raises(TableError, match=r"table\.csv, row 1: The organ tree has no 'lver'.* nearest names are liver"):
        pack_table(table, tmp_path / "out", long_side_px=32, tree=TREE)
    assert not (tmp_path / "out").exists()


def test_an_unknown_organ_in_a_split_that_is_not_packed_does_no_harm(tmp_path):
    table = write_table(tmp_path / "in", ramp(), ramp(1))
    table.write_text(table.read_text().replace("1.png,patient1,train,liver", "1.png,patient1,test,lver"))
    assert pack_table(table, tmp_path / "out", long_side_px=32, tree=TREE).images == 1


@pytest.mark.parametrize("change", [{"long_side_px": 48}, {"quality": 80}, {"images_per_shard": 7}])
def test_a_folder_of_other_settings_is_refused_and_stays_as_it_is(tmp_path, change):
    table = write_table(tmp_path / "in", ramp())
    pack_table(table, tmp_path / "out", long_side_px=32)
    before = written(tmp_path / "out")
    with pytest.raises(OutputError, match="holds other files, or shards of another table or other settings"):
        pack_table(table, tmp_path / "out", **{"long_side_px": 32, **change})
    assert written(tmp_path / "out") == before


def test_a_folder_of_another_table_is_refused(tmp_path):
    pack_table(write_table(tmp_path / "in", ramp()), tmp_path / "out", long_side_px=32)
    with pytest.raises(OutputError, match="shards of another table"):
        pack_table(write_table(tmp_path / "other", ramp(), ramp()), tmp_path / "out", long_side_px=32)


def test_a_folder_of_other_files_is_refused(tmp_path):
    table = write_table(tmp_path / "in", ramp())
    with pytest.raises(OutputError, match="holds other files"):
        pack_table(table, tmp_path / "in", long_side_px=32)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    table = write_table(tmp_path / "in", ramp())
    with pytest.raises(OutputError, match=r"0\.png cannot be written \(FileExistsError\)"):
        pack_table(table, tmp_path / "in" / "0.png", long_side_px=32)


@pytest.mark.parametrize("settings", [{"long_side_px": 15}, {"quality": 0}, {"quality": 101}, {"images_per_shard": 0}])
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path, settings):
    table = write_table(tmp_path / "in", ramp())
    with pytest.raises(SettingsError, match="needed 16 px or more, 1 to 100, and 1 or more"):
        pack_table(table, tmp_path / "out", **{"long_side_px": 32, **settings})
    assert not (tmp_path / "out").exists()


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(TableError, match="No table at"):
        pack_table(tmp_path / "absent.csv", tmp_path / "out", long_side_px=32)


def test_the_command_says_what_it_packed_and_its_row_is_one_for_the_mix(tmp_path):
    table = write_table(tmp_path / "in", ramp(0), b"broken", ramp(2), split="mine")
    (tmp_path / "tree.yaml").write_text(TREE_FILE)
    options = ["--long-side", "48", "--per-shard", "1", "--split", "mine", "--organ-tree", str(tmp_path / "tree.yaml")]

    ran = CliRunner().invoke(app, ["shards", str(table), str(tmp_path / "out, put"), *options])

    assert ran.exit_code == 0, ran.output
    assert "Images: 2. Shards: 2. Set aside: 1." in ran.output
    assert "Not readable: row 2; all are named in" in ran.output
    assert packed_images(tmp_path / "out, put")[0][0].size == (48, 36)
    row = ran.output.splitlines()[-1]
    (tmp_path / "mix.csv").write_text(f"name,source,organ,weight\n{row}\n")
    assert read_mix(tmp_path / "mix.csv", TREE).images == 2


def test_without_options_the_command_packs_train_and_unlabelled_rows_at_256_px(tmp_path):
    table = write_table(tmp_path / "in", *[ramp(0, 300, 400)] * 3)
    table.write_text(table.read_text().replace("patient1,train", "patient1,test").replace("2,train", "2,unlabelled"))

    ran = CliRunner().invoke(app, ["shards", str(table), str(tmp_path / "out")])

    assert "Images: 2. Shards: 1. Set aside: 0." in ran.output
    assert [image.size for image in packed_images(tmp_path / "out")[0]] == [(256, 192)] * 2


def test_the_command_fails_with_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["echocare", "shards", str(tmp_path / "absent.csv"), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("TableError: No table at ")
