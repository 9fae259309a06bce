"""USenhance to a table: pairs of pictures, the better one as a column."""

from pathlib import Path

import pytest
from PIL import Image
from small_layouts import save_picture

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


@pytest.fixture
def pairs(folder):
    for number, organ in enumerate(("breast", "liver")):
        for at in range(5):
            for kind in ("low_quality", "high_quality"):
                path = folder / "train_datasets" / organ / kind / f"{at:04d}.png"
                save_picture(path, 100 * number + 10 * at + (kind == "low_quality"))
    return folder / "train_datasets"


def test_each_row_has_the_path_of_its_original(pairs, write, tmp_path):
    said = str(write("usenhance"))
    items = [
        item
        for split in ("train", "val", "test")
        for item in read_table(tmp_path / "out", split, masks=False, columns=["original"])
    ]
    assert len(items) == 10
    for item in items:
        low, high = Path(item["image"]), Path(item["original"])
        assert (low.parent.name, high.parent.name) == ("low_quality", "high_quality")
        assert (low.name, low.parents[1]) == (high.name, high.parents[1])
    assert "high_quality" not in said


def test_the_folder_of_the_organs_may_be_given_itself(pairs, write, rows):
    (pairs / "breast").rename(pairs.parent / "breast")
    (pairs / "liver").rename(pairs.parent / "liver")
    pairs.rmdir()
    write("usenhance")
    assert len(rows()) == 10


def test_what_is_no_pair_is_left_out_by_name(pairs, write, rows):
    (pairs / "breast" / "high_quality" / "0001.png").unlink()
    (pairs / "liver" / "low_quality" / "0002.png").unlink()
    Image.new("L", (32, 64)).save(pairs / "liver" / "high_quality" / "0003.png")
    (pairs / "liver" / "high_quality" / "0004.png").write_bytes(b"")
    reasons = {one.source: one.reason for one in write("usenhance").set_aside}
    low, high = "train_datasets/{}/low_quality/{}.png", "train_datasets/{}/high_quality/{}.png"
    assert reasons == {
        low.format("breast", "0001"): "has no picture of its name in high_quality.",
        high.format("liver", "0002"): "has no picture of its name in low_quality.",
        low.format("liver", "0003"): "has 64x64 px and its picture in high_quality 32x64 px; needed the same.",
        low.format("liver", "0004"): "cannot be read, or its picture in high_quality cannot. Download it again.",
    }
    assert len(rows()) == 6


def test_a_folder_of_another_layout_is_refused(folder, write):
    (folder / "breast" / "low_quality").mkdir(parents=True)
    with pytest.raises(TableError, match="no organ with low_quality and high_quality"):
        write("usenhance")
