"""One picture in two splits is refused by what it shows; pictures that are only alike are told."""

import logging

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


def tissue(seed=0, size=(320, 240)):
    """A picture with structure, as an image: smooth echoes of several sizes under speckle."""
    numbers = np.random.default_rng(seed)
    layers = [Image.fromarray(numbers.integers(0, 255, (n, n), np.uint8)).resize(size) for n in (5, 12, 60)]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


SAVED_ANEW = {
    "jpeg of quality 95": lambda image, path: image.save(path, "JPEG", quality=95),
    "jpeg of quality 60": lambda image, path: image.save(path, "JPEG", quality=60),
    "twice the size": lambda image, path: image.resize((640, 480)).save(path, "PNG"),
    "half the size, rounded": lambda image, path: image.resize((161, 120)).save(path, "PNG"),
}


@pytest.mark.parametrize("save", SAVED_ANEW.values(), ids=SAVED_ANEW)
@pytest.mark.parametrize("wanted", ["train", "test"])
def test_a_copy_that_was_compressed_or_scaled_is_refused_in_both_splits(read, tmp_path, save, wanted):
    tissue().save(tmp_path / "a.png")
    save(tissue(), tmp_path / "b.png")
    with pytest.raises(TableError, match=r"row 2 \(b\.png, test\) shows the picture of row 1 \(a\.png, train\), saved"):
        read("b.png", wanted=wanted)


def test_a_mirror_image_is_refused(read, tmp_path):
    tissue().save(tmp_path / "a.png")
    tissue().transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "b.png")
    with pytest.raises(TableError, match=r"shows the picture of row 1 \(a\.png, train\), mirrored\."):
        read("b.png")


def test_neighbouring_frames_are_told_in_one_line_and_no_patient_is_named(read, tmp_path, caplog):
    tissue().save(tmp_path / "a.png")
    Image.blend(tissue(), tissue(1), 0.15).save(tmp_path / "b.png")
    with caplog.at_level(logging.WARNING):
        assert len(read("b.png")) == 1
        assert len(read("b.png", wanted="test")) == 1
    [line] = caplog.messages
    assert "row 2 (b.png, test) looks like row 1 (a.png, train)" in line
    assert "P1" not in line


def test_pictures_of_one_look_but_other_tissue_pass_in_silence(read, tmp_path, caplog):
    for seed, name in enumerate(("a.png", "b.png")):
        screen = Image.new("L", (640, 480), 90)
        screen.paste(tissue(seed), (160, 120))
        screen.save(tmp_path / name)
    assert len(read("b.png")) == 1
    assert not caplog.messages


def test_of_copies_each_picture_is_decoded_once(read, tmp_path, monkeypatch):
    tissue().save(tmp_path / "a.png")
    tissue().save(tmp_path / "b.png", "JPEG")
    decoded, decode = [], same_picture.thumbnail_of
    monkeypatch.setattr(same_picture, "thumbnail_of", lambda pixels: decoded.append(1) or decode(pixels))
    for wanted in ("train", "test"):
        with pytest.raises(TableError):
            read("b.png", wanted=wanted)
    assert len(decoded) == 2


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
    decoded, decode = [], same_picture._look
    monkeypatch.setattr(same_picture, "_look", lambda path, *of: decoded.append(path.stem) or decode(path, *of))

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
