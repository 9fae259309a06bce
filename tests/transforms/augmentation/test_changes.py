"""What each augmentation does to a made picture."""

import numpy as np
import pytest
from scipy.ndimage import label as parts_of

import echocare_core.transforms.augmentation as augmentation
from echocare_core.transforms.augmentation.scan_field import find_scan_field

FIELD = np.s_[:, :, 20:76]  # well within the field of `even`


def change(name, picture, seed=0, **settings):
    """A picture after an augmentation that is sure to happen."""
    made = getattr(augmentation, name)(keys="image", prob=1.0, **settings).set_random_state(seed)
    return made({"image": picture})["image"]


def test_speckle_is_as_strong_as_asked_and_grows_with_brightness(even):
    even[:, 48:] = 0.25
    changed = change("RandSpeckled", even, strength=[0.2, 0.2], grain_px=[1, 1])
    upper, lower = (changed[0, rows, 20:76].std() for rows in (slice(0, 48), slice(48, 96)))
    assert upper == pytest.approx(0.2 * 0.5, rel=0.2)
    assert lower == pytest.approx(upper / 2, rel=0.2)


def test_grains_of_speckle_grow_with_their_size(even):
    fine, coarse = (change("RandSpeckled", even, strength=[0.2, 0.2], grain_px=[px, px])[FIELD][0] for px in (0, 2))
    alike = [np.corrcoef(one[:, :-1].ravel(), one[:, 1:].ravel())[0, 1] for one in (fine, coarse)]
    assert alike[0] < 0.1
    assert alike[1] > 0.8


def test_gain_shifts_the_greys_of_tissue(even):
    changed = change("RandLogCompressiond", even, gain=[0.2, 0.2], dynamic_range=[1, 1])
    np.testing.assert_allclose(changed[FIELD], 0.7, atol=0.001)


def test_half_the_dynamic_range_doubles_contrast(even):
    even[:, 48:] = 0.4
    changed = change("RandLogCompressiond", even, gain=[0, 0], dynamic_range=[0.5, 0.5])
    assert changed[0, 0, 40] - changed[0, 95, 40] == pytest.approx(0.2, abs=0.001)


@pytest.mark.parametrize("gain", [-0.5, 0, 0.5])
@pytest.mark.parametrize("dynamic_range", [0.3, 1, 3])
def test_the_grey_curve_is_monotone_and_keeps_black(gain, dynamic_range):
    ramp = np.linspace(0, 1, 2000, dtype=np.float32).reshape(1, 1, -1)
    curve = change("RandLogCompressiond", ramp, gain=[gain] * 2, dynamic_range=[dynamic_range] * 2).ravel()
    assert curve[0] == 0
    assert (np.diff(curve) >= -1e-6).all()


def test_time_gain_differs_in_depth_and_not_across_the_beams(even):
    changed = change("RandTimeGaind", even, gain=0.3, sliders=4)[FIELD][0]
    assert np.ptp(changed, axis=1).max() < 0.01
    assert np.ptp(changed.mean(axis=1)) > 0.1
    assert np.abs(np.diff(changed.mean(axis=1))).max() < 0.03


def test_a_shadow_begins_at_its_depth_and_takes_as_much_as_asked(even):
    changed = change("RandAcousticShadowd", even, strength=[0.8, 0.8], width=[0.3, 0.3], depth=[0.5, 0.5])
    np.testing.assert_array_equal(changed[:, :44], even[:, :44])
    assert changed[0, 60:, 16:80].min() == pytest.approx(0.1, abs=0.01)
    assert (changed[0, 90, 16:80] < 0.3).mean() == pytest.approx(0.3, abs=0.12)


def test_a_shadow_of_a_curved_array_runs_along_the_beam(sector, in_sector, cyst):
    settings = {"strength": [0.9, 0.9], "width": [0.1, 0.1], "depth": [0, 0]}
    dark = (change("RandAcousticShadowd", sector, **settings)[0] < 0.5 * sector[0]) & in_sector & ~cyst
    beam = find_scan_field(sector).beam
    upper, lower = np.copy(dark), np.copy(dark)
    upper[48:], lower[:48] = False, False
    assert upper.any()
    assert beam[upper].mean() == pytest.approx(beam[lower].mean(), abs=0.03)


def test_haze_lights_up_a_cyst_at_its_depth_alone(sector, cyst):
    near, far = (
        change("RandHazed", sector, strength=[0.4, 0.4], depth=[at, at], thickness=[0.05, 0.05])[0, cyst].mean()
        for at in (0.4, 0.9)
    )
    assert near > 0.2
    assert far < 0.01


def test_a_bright_layer_comes_back_fainter_a_spacing_deeper(even):
    layer = np.copy(even)
    layer[:, 10:12] = 1.0
    with_it, without = (
        change("RandReverberationd", one, strength=[0.4, 0.4], spacing=[0.3, 0.3])[0, :, 48] for one in (layer, even)
    )
    first, second = (with_it - without)[30:50], (with_it - without)[58:78]
    assert 30 + first.argmax() == pytest.approx(10.5 + 0.3 * 95, abs=1.5)
    assert first.max() == pytest.approx(0.4 * 0.5, abs=0.02)
    assert second.max() == pytest.approx(0.4**2 * 0.5, abs=0.02)


def test_few_lines_take_detail_across_the_beams_and_leave_it_along_them(even):
    even[:, ::4] = 0.9
    even[:, :, 16:80:4] = 0.1
    changed = change("RandLineDensityd", even, lines=[8, 8])[FIELD][0]
    assert np.ptp(changed[::4].mean(axis=0)) < 0.15
    assert np.ptp(changed.mean(axis=1)) > 0.2


def test_many_lines_leave_the_picture_nearly_as_it_was(even):
    even[:, 30:60, 30:60] = 0.2
    changed = change("RandLineDensityd", even, lines=[400, 400])
    assert np.abs(changed - even).mean() < 0.005


def test_zoom_keeps_the_field_and_magnifies_what_is_in_it(sector, in_sector, cyst):
    item = {"image": sector, "label": cyst[None].astype(np.uint8)}
    zoom = augmentation.RandScanZoomd(["image", "label"], 1.0, zoom=[1.4, 1.4], mode=["bilinear", "nearest"])
    changed = zoom(item)
    field = find_scan_field(changed["image"]).inside
    assert (field & in_sector).sum() / (field | in_sector).sum() > 0.95
    assert changed["label"].sum() == pytest.approx(1.4**2 * cyst.sum(), rel=0.03)


def test_zoom_moves_the_label_with_the_picture(sector, in_sector, cyst):
    item = {"image": sector, "label": cyst[None].astype(np.uint8)}
    zoom = augmentation.RandScanZoomd(["image", "label"], 1.0, zoom=[1.4, 1.4], mode=["bilinear", "nearest"])
    changed = zoom(item)
    hole, moved = (changed["image"][0] < 0.15) & in_sector, changed["label"][0] > 0
    assert changed["label"].dtype == np.uint8
    assert 2 * (hole & moved).sum() / (hole.sum() + moved.sum()) > 0.9


def test_an_empty_part_shows_tissue_beside_the_label_and_no_label(sector, in_sector, cyst):
    item = {"image": sector, "label": cyst[None].astype(np.uint8)}
    for seed in range(5):
        part = augmentation.RandEmptyPartd(["image", "label"], 1.0, part=[0.3, 0.3]).set_random_state(seed)
        changed = part(item)
        field = find_scan_field(changed["image"]).inside
        assert (field & in_sector).sum() / (field | in_sector).sum() > 0.95
        assert not changed["label"].any()
        assert changed["label"].dtype == np.uint8
        assert changed["image"][0][cyst].mean() > 0.3


def test_a_label_that_leaves_no_room_for_an_empty_part_keeps_its_picture(sector, in_sector):
    item = {"image": sector, "label": in_sector[None].astype(np.uint8)}
    changed = augmentation.RandEmptyPartd(["image", "label"], 1.0, part=[0.4, 0.5])(item)
    np.testing.assert_array_equal(changed["image"], sector)
    np.testing.assert_array_equal(changed["label"], item["label"])


def test_calipers_come_in_pairs_of_bright_crosses(even):
    changed = change("RandMarksd", even * 0.2, seed=4, calipers=[1, 1], words=[0, 0])[0]
    bright = changed > 0.4
    assert 0 < bright.sum() < 120
    sizes = np.bincount(parts_of(bright, np.ones((3, 3)))[0].ravel())[1:]
    assert (sizes >= 4).sum() <= 2


def test_words_are_bright_and_small(even):
    changed = change("RandMarksd", even * 0.2, seed=1, calipers=[0, 0], words=[1, 1])[0]
    assert 5 < (changed > 0.3).sum() < 400


def test_blur_along_the_beams_spreads_a_layer_in_depth_by_as_much_as_asked_and_nothing_across(even):
    layer, wire = np.copy(even), np.copy(even)
    layer[:, 48], wire[:, :, 48] = 1.0, 1.0
    spread = change("RandAxialBlurd", layer, sigma_px=[2, 2])[0, 30:66, 40] - 0.5
    rows = np.arange(30, 66)
    assert spread.sum() == pytest.approx(0.5, rel=0.02)
    assert np.sqrt((spread * (rows - 48) ** 2).sum() / spread.sum()) == pytest.approx(2, rel=0.2)
    np.testing.assert_allclose(
        change("RandAxialBlurd", wire, sigma_px=[2, 2])[0, 20:76, 20:76], wire[0, 20:76, 20:76], atol=1e-3
    )


def test_blur_along_the_beams_of_a_curved_array_follows_them(sector, in_sector):
    field = find_scan_field(sector)
    wire = np.where(in_sector & (abs(field.beam - 0.2) < 0.02), 1.0, 0.4 * in_sector).astype(np.float32)[None]
    changed = change("RandAxialBlurd", wire, sigma_px=[3, 3])
    deep = (field.depth > 0.2) & (field.depth < 0.8)
    middle, beside = deep & (abs(field.beam - 0.2) < 0.005), deep & (abs(field.beam - 0.26) < 0.01)
    assert changed[0, middle].mean() > 0.85
    assert changed[0, beside].mean() == pytest.approx(0.4, abs=0.03)
