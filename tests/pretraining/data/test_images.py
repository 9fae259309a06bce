"""The data set of a pretraining: what an item holds, what happens to images that cannot be read, and the cache."""

import io
import pickle
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from ultrasound_files import PATIENT_NAME, region, write_ultrasound

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.pretraining.data.images import PretrainingImages, collate, group_number
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.data.picture import prepare_picture
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import write_shards
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree

TREE = OrganTree([Node(1, "abdomen", None, (), {}), Node(101, "liver", 1, (), {})])
LIVER, SIZE = 1, 32


def noise(seed, height=40, width=60):
    return np.random.default_rng(seed).integers(20, 255, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def mix(tmp_path):
    """A mix of one table; an image is given by its pixels, or by its bytes to be stored as they stand."""

    def read(*images, group="p"):
        for number, image in enumerate(images):
            path = tmp_path / f"{number}.png"
            path.write_bytes(image) if isinstance(image, bytes) else Image.fromarray(image).save(path)
        rows = "".join(f"{number}.png,{group}{number},train\n" for number in range(len(images)))
        return mix_of(tmp_path, "image,group,split\n" + rows)

    return read


def mix_of(folder, table):
    (folder / "table.csv").write_text(table)
    (folder / "mix.csv").write_text("name,source,organ,weight\nours,table.csv,liver,\n")
    return read_mix(folder / "mix.csv", TREE)


def mix_of_shards(folder, *files):
    samples = [ShardSample(f"{number}.png", "liver", "p", lambda file=file: file) for number, file in enumerate(files)]
    write_shards(samples, folder / "shards")
    (folder / "mix.csv").write_text("name,source,organ,weight\nours,shards,,\n")
    return read_mix(folder / "mix.csv", TREE)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def same(image, pixels):
    return torch.equal(image, torch.from_numpy(prepare_picture(pixels, SIZE).image))


def test_an_item_holds_the_picture_its_sector_and_its_labels(mix):
    images = PretrainingImages(mix(noise(0), noise(1)), SIZE)
    item = images[0, 1, 77]
    expected = prepare_picture(noise(1), SIZE)
    assert same(item["image"], noise(1))
    assert torch.equal(item["inside_sector"][0].bool(), torch.from_numpy(expected.inside_sector))
    assert (item["image"].dtype, item["inside_sector"].dtype) == (torch.uint8, torch.uint8)
    assert (item["node"], item["position"], item["name"], item["set_aside"]) == (LIVER, 77, "1.png", [])
    assert len(images) == 2


def test_images_in_shards_are_the_same_as_in_files(mix, tmp_path):
    in_files = PretrainingImages(mix(noise(0)), SIZE)[0, 0, 0]
    in_shards = PretrainingImages(mix_of_shards(tmp_path, png(noise(0))), SIZE)[0, 0, 0]
    assert torch.equal(in_files["image"], in_shards["image"])
    assert in_shards["node"] == LIVER


def test_a_grey_picture_of_16_bits_in_a_shard_is_read_as_in_a_file(mix, tmp_path):
    grey = noise(0)[..., 0].astype(np.uint16) * 257
    in_file = PretrainingImages(mix(png(grey)), SIZE)[0, 0, 0]
    in_shard = PretrainingImages(mix_of_shards(tmp_path, png(grey)), SIZE)[0, 0, 0]
    assert same(in_shard["image"], noise(0)[..., :1].repeat(3, axis=2))
    assert torch.equal(in_file["image"], in_shard["image"])


def test_a_turned_photograph_in_a_shard_is_upright(tmp_path):
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # EXIF 2.3, 4.6.4: the first row is the right side
    Image.fromarray(np.rot90(noise(0))).save(turned, "png", exif=exif)
    assert same(PretrainingImages(mix_of_shards(tmp_path, turned.getvalue()), SIZE)[0, 0, 0]["image"], noise(0))


def test_dicom_is_cropped_to_its_scan_region(tmp_path):
    pixels = noise(0)
    write_ultrasound(tmp_path / "a.dcm", pixels[np.newaxis], regions=[region((5, 10, 35, 50))])
    item = PretrainingImages(mix_of(tmp_path, "image,group,split\na.dcm,1,train\n"), SIZE)[0, 0, 0]
    assert same(item["image"], pixels[5:35, 10:50])


def test_the_position_chooses_the_frame_of_a_cine(tmp_path):
    cine = np.stack([noise(frame) for frame in range(3)])
    write_ultrasound(tmp_path / "a.dcm", cine, frame_time_ms=30)
    mix = mix_of(tmp_path, "image,group,split\na.dcm,1,train\n")
    for images in (PretrainingImages(mix, SIZE), PretrainingImages(mix, SIZE, cache=True)):
        assert [same(images[0, 0, position]["image"], cine[position % 3]) for position in (4, 0, 5, 7)] == [True] * 4


def test_no_item_names_a_patient(tmp_path):
    write_ultrasound(tmp_path / "a.dcm", noise(0)[np.newaxis])
    item = PretrainingImages(mix_of(tmp_path, "image,group,split\na.dcm,1,train\n"), SIZE)[0, 0, 0]
    assert PATIENT_NAME.split("^")[0] not in str({key: item[key] for key in ("name", "group", "set_aside")})


@pytest.mark.parametrize("cache", [False, True])
def test_an_image_that_cannot_be_read_is_replaced_by_the_next_and_named_each_time(mix, cache):
    images = PretrainingImages(mix(noise(0), b"broken", b"\x89PNG cut", noise(3)), SIZE, cache=cache)
    for _ in range(2):
        item = images[0, 1, 9]
        assert same(item["image"], noise(3))
        assert (item["name"], item["position"]) == ("3.png", 9)
        assert item["group"] == images[0, 3, 0]["group"]
        assert item["set_aside"] == ["ours: 1.png", "ours: 2.png"]


def test_after_the_last_row_comes_the_first(mix):
    item = PretrainingImages(mix(noise(0), b"broken"), SIZE)[0, 1, 0]
    assert item["name"] == "0.png"


def test_a_damaged_image_in_a_shard_is_set_aside(tmp_path):
    images = PretrainingImages(mix_of_shards(tmp_path, png(noise(0))[:300], png(noise(1))), SIZE)
    item = images[0, 0, 0]
    assert (item["name"], item["set_aside"]) == ("1.png", ["ours: 0.png"])


@pytest.mark.parametrize("box", [(0, 0, 15, 60), (3, 3, 30, 10)])
def test_a_scan_region_too_small_to_show_anything_is_set_aside(tmp_path, box):
    write_ultrasound(tmp_path / "a.dcm", noise(0)[np.newaxis], regions=[region(box)])
    Image.fromarray(noise(1)).save(tmp_path / "b.png")
    images = PretrainingImages(mix_of(tmp_path, "image,group,split\na.dcm,1,train\nb.png,2,train\n"), SIZE)
    assert images[0, 0, 0]["set_aside"] == ["ours: a.dcm"]


def test_a_picture_too_small_in_a_shard_is_set_aside(tmp_path):
    images = PretrainingImages(mix_of_shards(tmp_path, png(noise(0, 8, 8)), png(noise(1))), SIZE)
    assert images[0, 0, 0]["set_aside"] == ["ours: 0.png"]


def test_a_data_set_without_a_readable_image_is_refused_after_each_was_tried(mix):
    with pytest.raises(UnreadableFrames, match=r"^0\.png is the last of 2 images in a row .*from ours: 1\.png"):
        PretrainingImages(mix(b"broken", b"broken"), SIZE)[0, 1, 0]


def test_after_twenty_images_that_cannot_be_read_the_search_ends(mix):
    images = PretrainingImages(mix(*[b"broken"] * 20, noise(0)), SIZE)
    with pytest.raises(UnreadableFrames, match="is the last of 20 images in a row"):
        images[0, 0, 0]
    assert images[0, 1, 0]["name"] == "20.png"


def test_the_number_of_a_group_is_the_same_in_every_run_and_fits_int64():
    assert group_number("ours", "p1") == 1672912867795811819  # 63 bits of `printf 'ours\0p1' | sha256sum`
    assert 0 <= max(group_number("ours", str(number)) for number in range(100)) < 2**63


def test_groups_of_the_same_name_in_two_data_sets_differ():
    assert group_number("ours", "1") != group_number("theirs", "1")
    assert group_number("a", "bc") != group_number("ab", "c")


def test_an_unknown_group_has_no_number():
    assert group_number("ours", "") == -1


@pytest.mark.parametrize("cache", [False, True])
def test_items_become_a_batch(mix, cache):
    images = PretrainingImages(mix(noise(0), b"broken", noise(2)), SIZE, cache=cache)
    batch = collate([images[0, row, 10 + row] for row in range(3)])
    assert batch["image"].shape == (3, 3, SIZE, SIZE)
    assert batch["inside_sector"].shape == (3, 1, SIZE, SIZE)
    assert all(batch[key].dtype == torch.int64 and batch[key].shape == (3,) for key in ("node", "group", "position"))
    assert batch["group"][1] == batch["group"][2] != batch["group"][0]
    assert batch["position"].tolist() == [10, 11, 12]
    assert (batch["name"], batch["set_aside"]) == (["0.png", "2.png", "2.png"], ["ours: 1.png"])


def test_a_cached_picture_is_read_once(mix, tmp_path):
    images = PretrainingImages(mix(noise(0)), SIZE, cache=True)
    first = images[0, 0, 0]
    (tmp_path / "0.png").unlink()
    second = images[0, 0, 1]
    assert torch.equal(first["image"], second["image"])
    assert torch.equal(first["inside_sector"], second["inside_sector"])


def test_changing_an_item_does_not_change_the_cache(mix):
    images = PretrainingImages(mix(noise(0)), SIZE, cache=True)
    for _ in range(3):
        item = images[0, 0, 0]
        assert same(item["image"], noise(0))
        item["image"].zero_()


def test_without_a_cache_the_file_is_read_each_time(mix, tmp_path):
    images = PretrainingImages(mix(noise(0)), SIZE)
    assert same(images[0, 0, 0]["image"], noise(0))
    Image.fromarray(noise(5)).save(tmp_path / "0.png")
    assert same(images[0, 0, 0]["image"], noise(5))


def test_workers_fill_one_cache(mix, tmp_path):
    images = PretrainingImages(mix(noise(0), noise(1)), SIZE, cache=True)
    loader = DataLoader(images, batch_sampler=[[(0, 0, 0), (0, 1, 1)]], collate_fn=collate, num_workers=1)
    (batch,) = loader
    assert same(batch["image"][1], noise(1))
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").unlink()
    assert same(images[0, 0, 5]["image"], noise(0))
    assert same(images[0, 1, 6]["image"], noise(1))


def test_a_copy_that_is_sent_to_a_spawned_worker_has_the_same_cache(mix, tmp_path):
    images = PretrainingImages(mix(noise(0)), SIZE, cache=True)
    sent = pickle.loads(ForkingPickler.dumps(images))
    assert same(sent[0, 0, 0]["image"], noise(0))
    (tmp_path / "0.png").unlink()
    assert same(images[0, 0, 1]["image"], noise(0))


def test_a_cache_that_does_not_fit_is_refused(mix):
    huge = mix(noise(0))
    with pytest.raises(SettingsError, match=r"no shared memory for 1 pictures of 20000000 px; needed 1490116\.1 GiB"):
        PretrainingImages(huge, 20_000_000, cache=True)


def test_a_picture_size_below_16_px_is_refused(mix):
    with pytest.raises(SettingsError, match="The picture size is 15 px; needed 16"):
        PretrainingImages(mix(noise(0)), 15)
