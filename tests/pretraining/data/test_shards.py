"""Shards: what is written is read, by this package and by any other, and nothing is ever half there."""

import hashlib
import io
import json
import multiprocessing
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echocare_core.errors import SettingsError, TableError, UnreadableFrames
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import OPEN_SHARDS, Packed, ShardReader, write_shards


def picture(number, suffix="png"):
    """A small grey image of its own value, as a file's bytes."""
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), number % 256, dtype=np.uint8)).save(file, {"jpg": "jpeg"}.get(suffix, suffix))
    return file.getvalue()


def sample(number, read=None):
    return ShardSample(f"{number}.png", "liver", f"patient {number // 2}", read or (lambda: picture(number)))


def samples(count=7):
    return [sample(number) for number in range(count)]


def not_to_be_read():
    raise AssertionError("An image of a finished shard was read again.")


@pytest.fixture
def folder(tmp_path):
    """Seven images in shards of three."""
    write_shards(samples(), tmp_path, images_per_shard=3)
    return tmp_path


def test_every_row_is_read_as_it_was_written(folder):
    reader = ShardReader(folder)
    assert len(reader) == 7
    assert [reader[row][0] for row in range(7)] == [picture(number) for number in range(7)]
    assert [reader[row][1]["name"] for row in range(7)] == [f"{number}.png" for number in range(7)]


def test_rows_are_read_in_any_order(folder):
    reader = ShardReader(folder)
    assert [reader[row][0] for row in (6, 0, 3, 0)] == [picture(number) for number in (6, 0, 3, 0)]


def test_the_list_names_every_shard_with_its_images_and_bytes(folder):
    listed = json.loads((folder / "shards.json").read_text())
    assert listed["images"] == 7
    assert [(shard["file"], shard["images"]) for shard in listed["shards"]] == [
        ("shard-000000.tar", 3),
        ("shard-000001.tar", 3),
        ("shard-000002.tar", 1),
    ]
    assert [shard["bytes"] for shard in listed["shards"]] == [
        (folder / shard["file"]).stat().st_size for shard in listed["shards"]
    ]
    assert ShardReader(folder).images_per_shard == 3


def test_any_tar_program_finds_each_image_before_its_description(folder):
    with tarfile.open(folder / "shard-000001.tar") as archive:
        assert archive.getnames() == [f"00000000{row}.{suffix}" for row in (3, 4, 5) for suffix in ("png", "json")]


def test_jpeg_and_png_have_their_own_suffix(tmp_path):
    write_shards([sample(0, lambda: picture(0, "jpg")), sample(1)], tmp_path)
    with tarfile.open(tmp_path / "shard-000000.tar") as archive:
        assert archive.getnames()[::2] == ["000000000.jpg", "000000001.png"]


def test_webdataset_reads_the_shards(folder):
    webdataset = pytest.importorskip("webdataset", reason="the package webdataset is not installed")
    read = list(webdataset.WebDataset(str(folder / "shard-000000.tar"), shardshuffle=False))
    assert [one["__key__"] for one in read] == ["000000000", "000000001", "000000002"]
    assert [one["png"] for one in read] == [picture(number) for number in range(3)]
    assert json.loads(read[1]["json"])["name"] == "1.png"


def test_a_description_holds_organ_hashed_group_and_name_in_this_order(folder):
    _, description = ShardReader(folder)[2]
    digits = hashlib.sha256(b"patient 1").hexdigest()[:16]
    assert list(description.items()) == [("organ", "liver"), ("group", digits), ("name", "2.png")]


def test_no_shard_holds_a_group_in_plain_text(folder):
    assert not any(b"patient" in path.read_bytes() for path in folder.iterdir())


def test_the_same_samples_give_the_same_bytes(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_shards(samples(), other, images_per_shard=3)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_an_interrupted_writer_leaves_whole_shards_and_no_list(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards([*samples(4), sample(4, interrupted)], tmp_path, images_per_shard=3)
    assert [path.name for path in tmp_path.iterdir()] == ["shard-000000.tar"]
    with pytest.raises(TableError, match=r"has no shards\.json that can be read .* which is written last"):
        ShardReader(tmp_path)


def _write_until_killed(folder):
    kill = sample(4, lambda: os._exit(9))
    write_shards([*samples(4), kill], folder, images_per_shard=3)


def test_a_killed_writer_leaves_no_half_shard(tmp_path):
    writer = multiprocessing.get_context("spawn").Process(target=_write_until_killed, args=(tmp_path,))
    writer.start()
    writer.join()
    assert writer.exitcode == 9
    assert [path.name for path in tmp_path.glob("shard*")] == ["shard-000000.tar"]
    write_shards(samples(), tmp_path, images_per_shard=3)
    assert [ShardReader(tmp_path)[row][0] for row in range(7)] == [picture(number) for number in range(7)]


def test_a_finished_shard_is_not_written_again_and_its_images_are_not_read(tmp_path):
    write_shards(samples(3), tmp_path, images_per_shard=3)
    before = (tmp_path / "shard-000000.tar").stat().st_ino
    finished = [sample(number, not_to_be_read) for number in range(3)]
    write_shards([*finished, *samples()[3:]], tmp_path, images_per_shard=3)
    assert (tmp_path / "shard-000000.tar").stat().st_ino == before
    assert ShardReader(tmp_path)[6][0] == picture(6)


def test_a_shard_of_other_samples_is_written_again(folder):
    others = [ShardSample(f"{number}.png", "heart", "a", lambda: picture(99)) for number in range(3)]
    write_shards([*others, *samples()[3:]], folder, images_per_shard=3)
    image, description = ShardReader(folder)[0]
    assert image == picture(99)
    assert description["organ"] == "heart"


def test_a_finished_shard_that_was_cut_short_is_written_again(folder):
    path = folder / "shard-000001.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:1500])
    write_shards(samples(), folder, images_per_shard=3)
    assert path.read_bytes() == whole


def test_a_reader_may_be_pickled_while_shards_are_open(folder):
    reader = ShardReader(folder)
    assert reader[4] == pickle.loads(pickle.dumps(reader))[4]


def _read_all(reader, found):
    found.put([reader[row][0] for _ in range(50) for row in range(7)])


def test_forked_processes_do_not_disturb_each_others_reading(folder):
    reader = ShardReader(folder)
    _ = reader[0], reader[3], reader[6]
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    readers = [context.Process(target=_read_all, args=(reader, found)) for _ in range(3)]
    for process in readers:
        process.start()
    wanted = [picture(number) for number in range(7)] * 50
    assert all(found.get(timeout=60) == wanted for _ in readers)
    for process in readers:
        process.join()


def test_few_shards_are_open_at_a_time(tmp_path):
    write_shards(samples(OPEN_SHARDS + 9), tmp_path, images_per_shard=1)
    reader = ShardReader(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    assert [reader[row][0] for row in range(len(reader))] == [picture(row) for row in range(len(reader))]
    assert len(os.listdir("/proc/self/fd")) - before == OPEN_SHARDS


def test_a_missing_shard_is_refused_by_name(folder):
    (folder / "shard-000001.tar").unlink()
    reader = ShardReader(folder)
    assert reader[0][0] == picture(0)
    with pytest.raises(TableError, match=r"shard-000001\.tar is missing; shards\.json says .* bytes"):
        _ = reader[3]


def test_a_shard_cut_short_is_refused_by_name(folder):
    path = folder / "shard-000002.tar"
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(TableError, match=r"shard-000002\.tar has [\d,]+ bytes; shards\.json says [\d,]+ bytes"):
        _ = ShardReader(folder)[6]


def test_a_shard_of_the_right_size_that_is_no_tar_file_is_refused(folder):
    path = folder / "shard-000002.tar"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(
        TableError, match=r"shard-000002\.tar cannot be read \(ValueError: no header of a plain file at byte 0"
    ):
        _ = ShardReader(folder)[6]


def test_a_tar_file_of_other_things_is_refused(folder):
    path = folder / "shard-000002.tar"
    size = path.stat().st_size
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("notes.txt"))
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    with pytest.raises(TableError, match=r"shard-000002\.tar is no shard; needed an image and its JSON file in turn"):
        _ = ShardReader(folder)[6]


def test_a_shard_with_another_number_of_images_than_listed_is_refused(folder):
    text = (folder / "shards.json").read_text()
    (folder / "shards.json").write_text(text.replace('"images": 1', '"images": 2'))
    with pytest.raises(TableError, match=r"shard-000002\.tar has 1 images; shards\.json says 2"):
        _ = ShardReader(folder)[6]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shards": []}', '{"shards": [{"file": "a"}]}'])
def test_a_damaged_list_is_refused(folder, text):
    (folder / "shards.json").write_text(text)
    with pytest.raises(TableError, match=r"has no shards\.json that can be read"):
        ShardReader(folder)


@pytest.mark.parametrize("row", [-1, 7])
def test_a_row_that_there_is_not_is_an_index_error(folder, row):
    with pytest.raises(IndexError, match=f"Row {row} of the 7 "):
        _ = ShardReader(folder)[row]


def test_an_image_that_is_neither_jpeg_nor_png_is_refused_by_name(tmp_path):
    with pytest.raises(TableError, match=r"Image 0\.png is neither JPEG nor PNG"):
        write_shards([sample(0, lambda: b"GIF89a")], tmp_path)


def test_an_image_that_cannot_be_read_is_refused_by_name(tmp_path):
    with pytest.raises(TableError, match=r"Image 0\.png cannot be read \(FileNotFoundError\)"):
        write_shards([sample(0, (tmp_path / "absent.png").read_bytes)], tmp_path)


def test_no_samples_are_refused(tmp_path):
    with pytest.raises(TableError, match="No sample for the shards"):
        write_shards([], tmp_path)


def test_less_than_one_image_per_shard_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="0 images per shard; needed 1 or more"):
        write_shards(samples(), tmp_path, images_per_shard=0)


def unreadable():
    raise UnreadableFrames(Path("0.png"), "is cut short. Export it again.")


def test_a_sample_that_cannot_be_read_is_left_out_and_the_next_takes_its_place(tmp_path):
    mixed = [sample(number, unreadable if number in (0, 2, 6) else None) for number in range(7)]
    assert write_shards(mixed, tmp_path, images_per_shard=3) == Packed(4, 2, ("0.png", "2.png", "6.png"))
    reader = ShardReader(tmp_path)
    assert [reader[row][0] for row in range(4)] == [picture(number) for number in (1, 3, 4, 5)]
    assert json.loads((tmp_path / "shards.json").read_text())["set_aside"] == ["0.png", "2.png", "6.png"]
    assert not (tmp_path / "unreadable.json").exists()


def test_samples_at_the_end_that_cannot_be_read_make_no_shard(tmp_path):
    mixed = [*samples(3), *[sample(number, unreadable) for number in (3, 4)]]
    assert write_shards(mixed, tmp_path, images_per_shard=3) == Packed(3, 1, ("3.png", "4.png"))
    assert {path.name for path in tmp_path.iterdir()} == {"shard-000000.tar", "shards.json"}


def test_names_set_aside_by_an_earlier_call_are_forgotten_where_its_samples_are(tmp_path):
    write_shards([sample(0, unreadable), sample(1)], tmp_path)
    assert write_shards([sample(2), sample(3)], tmp_path).set_aside == ()


def test_samples_of_which_none_can_be_read_are_refused_and_read_again_the_next_time(tmp_path):
    with pytest.raises(TableError, match=r"No sample for the shards in .* can be read \(1 set aside\)"):
        write_shards([sample(0, unreadable)], tmp_path)
    assert write_shards(samples(1), tmp_path) == Packed(1, 1, ())
