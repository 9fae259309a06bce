"""One picture in two splits is refused by what it shows."""

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import write_ultrasound

from echocare_core.errors import TableError
from echocare_core.frames import same_picture
from echocare_core.frames.manifest import read_table


def picture(seed=0, height=48):
    return np.random.default_rng(seed).integers(0, 255, (height, 64, 3), dtype=np.uint8)


@pytest.fixture
def read(tmp_path):
    """Reads a split of a table with a.png in train and another file in a further split."""
    Image.fromarray(picture()).save(tmp_path / "a.png")

    def read(other, split="test", wanted="train"):
        rows = f"a.png,P1,train\n{other},P2,{split}\n"
        (tmp_path / "table.csv").write_text("image,group,split\n" + rows)
        return read_table(tmp_path, wanted, masks=False)

    return read


def refused(name):
    return pytest.raises(TableError, match=rf"row 2 \({name}, \w+\) shows the picture of row 1 \(a\.png, train\)")


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_same_bytes_under_another_name_are_refused(read, tmp_path, split):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with refused(r"b\.png"):
        read("b.png", split)


@pytest.mark.parametrize("wanted", ["train", "test"])
def test_the_same_pixels_in_another_compression_are_refused_in_both_splits(read, tmp_path, wanted):
    Image.fromarray(picture()).save(tmp_path / "b.png", compress_level=1, dpi=(72, 72))
    assert (tmp_path / "b.png").read_bytes() != (tmp_path / "a.png").read_bytes()
    with refused(r"b\.png"):
        read("b.png", wanted=wanted)


def test_the_same_pixels_as_dicom_are_refused(read, tmp_path):
    write_ultrasound(tmp_path / "IM1", picture()[None])
    with refused("IM1"):
        read("IM1")


def test_the_same_file_in_two_groups_is_refused(read):
    with pytest.raises(TableError, match=r"rows 1 and 2 name one picture in several groups, a\.png"):
        read("a.png")


def test_copies_of_a_file_in_two_groups_of_one_split_are_refused(read, tmp_path):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(TableError, match=r"rows 1 and 2 put one picture into several groups, a\.png and b\.png"):
        read("b.png", "train")


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
    assert len(read("b.png", "train")) == 2


def test_a_file_that_was_changed_is_read_again(read, tmp_path):
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with refused(r"b\.png"):
        read("b.png")
    Image.fromarray(picture(2)).save(tmp_path / "b.png")
    assert len(read("b.png")) == 1


def test_pictures_are_decoded_as_far_as_the_split_asked_for_needs_it(tmp_path, monkeypatch):
    rows = {"a": ("train", 48), "b": ("val", 48), "c": ("val", 40), "d": ("test", 40), "e": ("test", 32)}
    for seed, (name, (_, height)) in enumerate(rows.items()):
        Image.fromarray(picture(seed, height)).save(tmp_path / f"{name}.png")
    lines = [f"{name}.png,{name},{split}" for name, (split, _) in rows.items()]
    (tmp_path / "table.csv").write_text("\n".join(["image,group,split", *lines]))
    decoded, decode = [], same_picture._digest
    monkeypatch.setattr(same_picture, "_digest", lambda path, *of: decoded.append(path.stem) or decode(path, *of))

    read_table(tmp_path, "Test", masks=False)

    assert sorted(decoded) == ["c", "d"]


def test_a_bar_is_shown_where_many_are_compared(read, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(same_picture, "track", lambda found, *_, disable, **options: shown.append(not disable) or found)
    Image.fromarray(picture(1)).save(tmp_path / "b.png")
    for many in (2, 3):
        monkeypatch.setattr(same_picture, "MANY", many)
        read("b.png")
    monkeypatch.setattr(same_picture, "MANY", 2)
    monkeypatch.setenv("RANK", "1")
    read("b.png")
    assert shown == [True, False, False]
