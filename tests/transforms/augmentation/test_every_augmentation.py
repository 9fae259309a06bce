"""What holds for every augmentation: range, background, labels, chance and settings."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose
from monai.utils import set_determinism

import echocare_core.transforms.augmentation as augmentation
from echocare_core.errors import SettingsError
from echocare_core.untrusted.allowed import TARGETS

STRONG = {
    "RandAcousticShadowd": {"strength": [0.8, 0.8], "width": [0.2, 0.2], "depth": [0.1, 0.1]},
    "RandAxialBlurd": {"sigma_px": [3, 3]},
    "RandEmptyPartd": {"part": [0.4, 0.4]},
    "RandHazed": {"strength": [0.5, 0.5], "depth": [0.5, 0.5], "thickness": [0.2, 0.2]},
    "RandLineDensityd": {"lines": [16, 16]},
    "RandLogCompressiond": {"gain": [0.2, 0.2], "dynamic_range": [0.6, 0.6]},
    "RandMarksd": {"calipers": [2, 2], "words": [2, 2]},
    "RandReverberationd": {"strength": [0.5, 0.5], "spacing": [0.1, 0.2]},
    "RandScanZoomd": {"zoom": [1.5, 1.5], "mode": "bilinear"},
    "RandSpeckled": {"strength": [0.5, 0.5], "grain_px": [1, 1]},
    "RandTimeGaind": {"gain": 0.4, "sliders": 6},
}
NOTHING = {
    "RandAcousticShadowd": {"strength": [0, 0]},
    "RandAxialBlurd": {"sigma_px": [0, 0]},
    "RandEmptyPartd": {"part": [1, 1]},
    "RandHazed": {"strength": [0, 0]},
    "RandLogCompressiond": {"gain": [0, 0], "dynamic_range": [1, 1]},
    "RandMarksd": {"calipers": [0, 0], "words": [0, 0]},
    "RandReverberationd": {"strength": [0, 0]},
    "RandScanZoomd": {"zoom": [1, 1]},
    "RandSpeckled": {"strength": [0, 0]},
    "RandTimeGaind": {"gain": 0},
}
WRONG = [
    ("RandAcousticShadowd", {"strength": [0.5, 1.5]}),
    ("RandAxialBlurd", {"sigma_px": [-1, 2]}),
    ("RandEmptyPartd", {"part": [0.5, 1.5]}),
    ("RandHazed", {"thickness": [0.2, 0.1]}),
    ("RandLineDensityd", {"lines": 32}),
    ("RandLogCompressiond", {"dynamic_range": [0, 1]}),
    ("RandMarksd", {"words": ["one", "two"]}),
    ("RandReverberationd", {"spacing": [0, 0.1]}),
    ("RandScanZoomd", {"zoom": [0.8, 1.2]}),
    ("RandSpeckled", {"strength": [-0.1, 0.1]}),
    ("RandTimeGaind", {"gain": -1}),
    ("RandTimeGaind", {"sliders": 1}),
]
MOVE = {"RandEmptyPartd", "RandScanZoomd"}
every = pytest.mark.parametrize("name", augmentation.__all__)


def build(name, prob=1.0, keys="image", seed=3, **settings):
    """An augmentation with strong settings, but for those given."""
    made = getattr(augmentation, name)(keys=keys, prob=prob, **{**STRONG[name], **settings})
    return made.set_random_state(seed)


@every
def test_what_lies_outside_the_scan_field_stays_black(name, sector, in_sector):
    changed = build(name)({"image": sector})["image"]
    assert changed[:, ~in_sector].max() <= 0.02


@every
def test_the_result_is_a_picture_of_the_same_kind_from_0_to_1(name, sector):
    image = MetaTensor(torch.from_numpy(sector), meta={"filename_or_obj": "a.dcm"})
    changed = build(name)({"image": image})["image"]
    assert (changed.shape, changed.dtype, changed.meta["filename_or_obj"]) == (image.shape, image.dtype, "a.dcm")
    assert 0 <= float(changed.min()) < float(changed.max()) <= 1


@every
def test_the_picture_that_was_given_is_not_written_to(name, sector):
    before = sector.copy()
    changed = build(name)({"image": sector})["image"]
    np.testing.assert_array_equal(sector, before)
    assert np.abs(changed - sector).max() > 0.05


@every
def test_a_grey_picture_stays_grey(name, sector):
    changed = build(name)({"image": sector})["image"]
    np.testing.assert_array_equal(changed[0], changed[1])
    np.testing.assert_array_equal(changed[0], changed[2])


@every
def test_a_black_picture_stays_black(name):
    black = np.zeros((3, 64, 64), dtype=np.float32)
    assert not build(name)({"image": black})["image"].any()


@every
def test_with_probability_0_nothing_happens(name, sector):
    assert build(name, prob=0.0)({"image": sector})["image"] is sector


@pytest.mark.parametrize("name", NOTHING)
def test_at_strength_0_the_picture_stays_as_it_is(name, sector):
    changed = build(name, **NOTHING[name])({"image": sector})["image"]
    np.testing.assert_allclose(changed, sector, atol=0.01)


@every
def test_the_same_seed_draws_the_same_change_and_another_seed_another(name, sector):
    drawn = {"RandLogCompressiond": {"gain": [-0.2, 0.2]}, "RandScanZoomd": {"zoom": [1, 2]}}.get(name, {})
    drawn |= {"RandLineDensityd": {"lines": [8, 60]}, "RandAxialBlurd": {"sigma_px": [0.5, 4]}}.get(name, {})
    first, again, other = (build(name, seed=seed, **drawn)({"image": sector})["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.02


@every
def test_each_item_is_changed_by_numbers_of_its_own(name, sector):
    drawn = {"RandLogCompressiond": {"gain": [-0.2, 0.2]}, "RandScanZoomd": {"zoom": [1, 2]}}.get(name, {})
    drawn |= {"RandLineDensityd": {"lines": [8, 60]}, "RandAxialBlurd": {"sigma_px": [0.5, 4]}}.get(name, {})
    augment = build(name, **drawn)
    assert np.abs(augment({"image": sector})["image"] - augment({"image": sector})["image"]).max() > 0.02


@pytest.fixture
def determinism():
    """MONAI's seed of all transforms, taken back afterwards."""
    yield lambda: set_determinism(seed=5)
    set_determinism(seed=None)


@every
def test_monais_set_determinism_repeats_it(name, sector, determinism):
    changed = []
    for _ in range(2):
        determinism()
        made = getattr(augmentation, name)(keys="image", prob=1.0, **STRONG[name])
        changed.append(Compose([made])({"image": sector})["image"])
    np.testing.assert_array_equal(*changed)


@pytest.mark.parametrize("name", sorted(set(augmentation.__all__) - MOVE))
def test_a_change_of_values_leaves_the_label_alone_and_changes_two_pictures_alike(name, sector, cyst):
    label = cyst[None].astype(np.uint8)
    changed = build(name, keys=["image", "other"])({"image": sector, "other": sector, "label": label})
    assert changed["label"] is label
    np.testing.assert_array_equal(changed["image"], changed["other"])


@every
def test_a_configuration_may_name_it(name, sector):
    target = f"echocare_core.transforms.augmentation.{name}"
    parser = ConfigParser({"augment": [{"_target_": target, "keys": "image", "prob": 1.0, **STRONG[name]}]})
    augment = Compose(parser.get_parsed_content("augment"))
    assert target in TARGETS
    assert augment({"image": sector})["image"].shape == sector.shape


@every
def test_an_item_without_the_key_is_refused_unless_keys_may_be_missing(name, sector):
    with pytest.raises(KeyError):
        build(name, keys=["image", "other"])({"image": sector})
    made = build(name, keys=["image", "other"], allow_missing_keys=True)
    assert set(made({"image": sector})) == {"image"}


@pytest.mark.parametrize(("name", "settings"), WRONG)
def test_settings_that_cannot_be_are_told_by_name(name, settings):
    [setting] = settings
    with pytest.raises(SettingsError, match=rf"{name} got .*{setting}=.* Correct them\."):
        build(name, **settings)
