"""One picture in two splits is refused by what it shows."""

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import write_ultrasound

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


def picture(seed=0, height=48):
    return np.random.default_rng(seed).integers(0, 255, (height, 64, 3), dtype=np.uint8)


@pytest.fixture
def read(tmp_path):
    """Reads the train split of a table with a.png in train and another file in a further split."""
    Image.fromarray(picture()).save(tmp_path / "a.png")

    def read(other, split="test"):
        rows = f"a.png,P1,train\n{other},P2,{split}\n"
        (tmp_path / "table.csv").write_text("image,group,split\n" + rows)
        return read_table(tmp_path, "train", masks=False)

    return read


def refused(name):
    return pytest.raises(TableError, match=rf"row 2 \({name}, \w+\) shows the picture of row 1 \(a\.png, train\)")


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_same_bytes_under_another_name_are_refused(read, tmp_path, split):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with refused(r"b\.png"):
        read("b.png", split)


def test_the_same_pixels_in_another_compression_are_refused(read, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "b.png", compress_level=1, dpi=(72, 72))
    assert (tmp_path / "b.png").read_bytes() != (tmp_path / "a.png").read_bytes()
    with refused(r"b\.png"):
        read("b.png")


def test_the_same_pixels_as_dicom_are_refused(read, tmp_path):
    write_ultrasound(tmp_path / "IM1", picture()[None])
    with refused("IM1"):
        read("IM1")


def test_the_same_file_in_two_groups_is_refused(read):
    with pytest.raises(TableError, match=r"rows 1 and 2 name one picture in several groups, a\.png"):
        read("a.png")


def test_other_pictures_pass(read, tmp_path):
    Image.fromarray(picture(1)).save(tmp_path / "b.png")
    assert len(read("b.png")) == 1


def test_a_split_that_is_not_used_may_have_it(read, tmp_path):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert len(read("b.png", "duplicate")) == 1


def test_pictures_that_show_nothing_are_not_compared(read, tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("L", (64, 48)).save(tmp_path / name)
    assert len(read("b.png")) == 1


def test_a_file_that_was_changed_is_read_again(read, tmp_path):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with refused(r"b\.png"):
        read("b.png")
    Image.fromarray(picture(2)).save(tmp_path / "b.png")
    assert len(read("b.png")) == 1
