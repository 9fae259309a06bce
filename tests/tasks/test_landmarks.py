"""Ends of axes: trained and read without an order, found where they are in the recorded frame, measured and scored."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.transforms import ApplyTransformToPointsd, Compose, RandAffined, RandFlipd
from test_measurements import ellipse_mask

from echocare_core.bundle import find_bundle
from echocare_core.errors import BundleError, SettingsError, TableError
from echocare_core.finetuning.configured import EVALUATION, open_workflow
from echocare_core.frames.reduced import reduced_frames
from echocare_core.tasks.landmarks import (
    EndsLoss,
    EndsOfColumnsd,
    EndsOutputd,
    build_nearness,
    errors_of_ends,
    measure_head_ends,
    read_crossed_axes,
    read_ends,
    score_ends,
    summarise_ends,
)
from echocare_core.tasks.measurements import measure_head
from echocare_core.transforms import LoadUltrasoundd, PrepareScand
from echocare_core.types import Frames, Measurement, Points, Region

ENDS = torch.tensor([[[20.25, 10.5], [30.75, 50.0]], [[8.0, 33.3], [44.6, 27.1]]])  # (axes, 2, 2)
SHAPE = (56, 64)


def heat_maps(ends=ENDS, shape=SHAPE, sigma=2.0, heights=(1.0, 1.0)):
    """Logits of distributions with a Gaussian peak about each end."""
    rows, columns = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    peaks = [
        sum(
            height * torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))
            for height, (row, column) in zip(heights, axis, strict=True)
        )
        for axis in ends
    ]
    return torch.log(torch.stack(peaks) + 1e-7)


def in_any_order(found, ends):
    """The largest distance of an end from the true one, whichever of the two is called the first."""
    both = torch.stack([(found - order).norm(dim=-1).amax(dim=-1) for order in (ends, ends.flip(-2))])
    return float(both.amin(dim=0).max())


def test_both_ends_are_read_to_a_fraction_of_a_pixel():
    assert in_any_order(read_ends(heat_maps(), radius_px=6).places, ENDS) < 0.05


def test_an_end_that_is_much_fainter_than_the_other_is_read_as_well():
    assert in_any_order(read_ends(heat_maps(heights=(1.0, 0.1)), radius_px=6).places, ENDS) < 0.05


def test_what_is_far_from_a_peak_does_not_draw_on_it():
    ends, stray = ENDS[:1], torch.tensor([[[20.25, 30.0], [20.25, 30.0]]])
    logits = torch.logaddexp(heat_maps(ends), heat_maps(stray) - 1.5)
    assert in_any_order(read_ends(logits, radius_px=6).places, ends) < 0.1


@pytest.mark.parametrize("axis", [-1, -2], ids=["left and right", "up and down"])
def test_the_ends_of_a_mirrored_map_are_the_mirrored_ends(axis):
    mirrored = ENDS.clone()
    mirrored[..., axis] = SHAPE[axis] - 1 - mirrored[..., axis]
    assert in_any_order(read_ends(heat_maps().flip(axis), radius_px=6).places, mirrored) < 0.05


def test_a_batch_is_read_as_each_of_its_maps_is():
    batch = torch.stack([heat_maps(), heat_maps(ENDS + 3)])
    found = read_ends(batch, radius_px=6)
    for number, one in enumerate(batch):
        torch.testing.assert_close(found.places[number], read_ends(one, radius_px=6).places)


def test_a_sharp_peak_is_surer_than_a_broad_one_and_no_peak_is_not_sure():
    sharp, broad, none = (
        float(read_ends(logits, radius_px=6).confidences.min())
        for logits in (heat_maps(sigma=1.5), heat_maps(sigma=6.0), torch.zeros(2, *SHAPE))
    )
    assert 0.99 < sharp <= 1
    assert 0.2 < broad < 0.6
    assert none < 0.1


CROSSED = torch.tensor([[[20.0, 14.0], [36.0, 50.0]], [[40.6, 26.4], [15.4, 37.6]]])  # 39.4 and 27.6 px, of one ellipse
CROSSING = {"radius_px": 6.0, "blur_px": 1.0, "directions": 12}


def ring(ends):
    """Logits of an axis that may point anywhere: as likely all around the middle of its ends."""
    rows, columns = torch.meshgrid(*map(torch.arange, SHAPE), indexing="ij")
    middle, radius = ends.mean(dim=0), float((ends[0] - ends[1]).norm()) / 2
    away = ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2).sqrt() - radius
    return torch.log(torch.exp(-(away**2) / 8) + 1e-7)


def test_crossed_axes_that_both_maps_show_are_read():
    assert in_any_order(read_crossed_axes(heat_maps(CROSSED), **CROSSING).places, CROSSED) < 0.2


def test_an_axis_whose_map_does_not_know_its_direction_is_read_across_the_other():
    logits = torch.stack([ring(CROSSED[0]), heat_maps(CROSSED)[1]])
    assert in_any_order(read_ends(logits, radius_px=6.0).places, CROSSED) > 3
    assert in_any_order(read_crossed_axes(logits, **CROSSING).places, CROSSED) < 0.5


def test_crossed_axes_of_a_batch_are_read_as_each_for_itself_also_in_inference_mode():
    batch = torch.stack([heat_maps(CROSSED), heat_maps(CROSSED + 3)])
    with torch.inference_mode():
        found = read_crossed_axes(batch.clone(), **CROSSING)
    for number, one in enumerate(batch):
        torch.testing.assert_close(found.places[number], read_crossed_axes(one, **CROSSING).places)


def test_crossed_axes_are_as_sure_as_what_lies_about_their_ends():
    logits = torch.stack([ring(CROSSED[0]), heat_maps(CROSSED)[1]])
    unsure, sure = read_crossed_axes(logits, **CROSSING).confidences
    assert float(unsure.max()) < 0.5 < 0.95 < float(sure.min()) <= 1


def test_three_axes_cannot_be_crossed():
    with pytest.raises(SettingsError, match="3 axes to cross; needed two"):
        read_crossed_axes(torch.zeros(3, *SHAPE), **CROSSING)


def test_the_loss_is_the_cross_entropy_against_two_gaussians():
    logits = torch.randn(1, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    losses = []
    for axis, scores in zip(ENDS.numpy(), logits[0].numpy(), strict=True):
        target = sum(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18) / (18 * np.pi) for r, c in axis) / 2
        losses.append(-(target * (scores - np.log(np.exp(scores).sum()))).sum())
    assert float(EndsLoss(3.0)(logits, ENDS[None])) == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_loss_does_not_ask_which_end_is_the_first():
    logits = torch.randn(1, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    straight, crossed = (EndsLoss(3.0)(logits, ends[None]) for ends in (ENDS, ENDS.flip(-2)))
    torch.testing.assert_close(straight, crossed)


def test_the_loss_is_least_where_the_ends_are():
    here, beside = (float(EndsLoss(2.0)(heat_maps(ENDS + off)[None], ENDS[None])) for off in (0, 2))
    assert here < beside


def test_nothing_is_learned_from_an_end_that_is_not_known():
    unknown = ENDS.clone()
    unknown[0] = math.nan
    logits = torch.zeros(1, 2, *SHAPE, requires_grad=True)
    EndsLoss(2.0)(logits, unknown[None]).backward()
    assert float(logits.grad[0, 0].abs().max()) == 0
    assert float(logits.grad[0, 1].abs().max()) > 0


COLUMNS = [["a_1_x", "a_1_y", "a_2_x", "a_2_y"], ["b_1_x", "b_1_y", "b_2_x", "b_2_y"]]
BOX, SIZE = (6, 12, 86, 122), (90, 130)
TRUE = np.array([[[20.0, 30.0], [60.0, 100.0]], [[25.0, 80.0], [70.0, 55.0]]])  # in pixels of a frame of SIZE


def cells(ends=TRUE):
    """A row of a table: x and y of both ends of both axes."""
    return {name: str(cell) for name, cell in zip((*COLUMNS[0], *COLUMNS[1]), np.flip(ends, -1).ravel(), strict=True)}


def frame_with_spots(spacing_mm=None, most_pixels=10**6):
    """A frame with a bright spot at each of the true ends, inside a scan region."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    spots = [np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18) for r, c in TRUE.reshape(-1, 2)]
    frame = (255 * np.max(spots, axis=0)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    region = Region("tissue", BOX, spacing_mm)
    frames = Frames(Path("IM1"), [frame], SIZE, regions=(region,), spacing_mm=spacing_mm, scan_region=0)
    return reduced_frames(frames, most_pixels)


def prepare(*augment):
    """As a training prepares a picture and its points."""
    return Compose(
        [
            LoadUltrasoundd("image"),
            EndsOfColumnsd("label", "image", COLUMNS),
            PrepareScand("image", size=(96, 128), mode="bilinear", anti_aliasing=True, value_range=(0, 1)),
            *augment,
            ApplyTransformToPointsd("label", refer_keys="image"),
        ]
    )


def spot_near(picture, place):
    """The middle of the bright spot about a place, None where it is outside the picture."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    bright = np.where(np.hypot(rows - place[0], columns - place[1]) < 7, picture, 0)
    bright = np.where(bright > 0.1, bright, 0)
    if bright.max() < 0.7 or not all(8 < at < side - 8 for at, side in zip(place, picture.shape, strict=True)):
        return None
    return np.array([(rows * bright).sum(), (columns * bright).sum()]) / bright.sum()


@pytest.mark.parametrize("spacing_mm", [None, (0.2, 0.3)])
def test_points_go_wherever_augmentation_takes_their_picture(spacing_mm):
    seen = 0
    for seed in range(6):
        transform = prepare(
            RandFlipd("image", prob=0.5, spatial_axis=1),
            RandFlipd("image", prob=0.5, spatial_axis=0),
            RandAffined("image", prob=1.0, rotate_range=0.5, scale_range=[0.25, 0.25], shear_range=0.1),
        )
        transform.set_random_state(seed)
        item = transform({"image": frame_with_spots(spacing_mm), **cells()})
        for place in item["label"].reshape(-1, 2).numpy():
            if (spot := spot_near(item["image"][0].numpy(), place)) is not None:
                np.testing.assert_allclose(place, spot, atol=0.3)
                seen += 1
    assert seen > 12


def test_an_empty_cell_is_a_point_that_is_not_known():
    item = prepare()({"image": frame_with_spots(), **cells(), "b_2_x": ""})
    assert torch.isnan(item["label"]).any(dim=-1).tolist() == [[False, False], [False, True]]


def test_a_cell_that_is_no_number_is_named():
    transform = EndsOfColumnsd("label", "image", COLUMNS)
    with pytest.raises(TableError, match=r"a_1_y beside 7\.png is 'above'; needed a number"):
        transform({"image": MetaTensor(torch.zeros(3, 8, 8)), **cells(), "a_1_y": "above", "image_in_table": "x/7.png"})


READ = partial(read_ends, radius_px=6.0)
AXES = {"long": ["left", "right"], "short": ["upper", "lower"]}
NAMES = ("long_left", "long_right", "short_upper", "short_lower")


def output_of(frames, shift=0.0, sigma=2.0, least_confidence=0.1, measure=lambda *_: ()):
    """What a bundle gives whose network has found the true ends, moved by a shift in pixels of its input."""
    item = prepare()({"image": frames, **cells(), "group": "P1"})
    logits = heat_maps(item["label"].as_tensor().float() + shift, item["image"].shape[1:], sigma)
    item["pred"] = MetaTensor(logits, meta=item["image"].meta)
    return EndsOutputd("pred", "image", AXES, READ, least_confidence, measure)(item)


@pytest.mark.parametrize("most_pixels", [10**6, SIZE[0] * SIZE[1] // 4], ids=["as recorded", "reduced"])
def test_ends_lie_in_the_recorded_frame_called_by_where_they_lie(most_pixels):
    points = output_of(frame_with_spots(most_pixels=most_pixels))["outputs"][0]
    np.testing.assert_allclose(points.positions_px, TRUE.reshape(-1, 2), atol=0.2)
    assert points.names == NAMES
    assert all(0.9 < confidence <= 1 for confidence in points.confidences)


def test_the_upper_end_comes_first_however_the_table_orders_them():
    item = prepare()({"image": frame_with_spots(), **cells(TRUE[:, ::-1])})
    item["pred"] = MetaTensor(heat_maps(item["label"].as_tensor().float(), item["image"].shape[1:]))
    points = EndsOutputd("pred", "image", AXES, READ, 0.1, lambda *_: ())(item)["outputs"][0]
    np.testing.assert_allclose(points.positions_px, TRUE.reshape(-1, 2), atol=0.1)


def test_an_end_of_little_confidence_was_not_found():
    points = output_of(frame_with_spots(), sigma=12.0, least_confidence=0.5)["outputs"][0]
    assert np.isnan(points.positions_px).all()
    assert all(0 < confidence < 0.5 for confidence in points.confidences)


def test_ends_are_measured_in_pixels_of_the_scan_region():
    given = []
    output_of(frame_with_spots((0.2, 0.3)), measure=lambda *one: given.append(one) or ())
    [(ends, spacing_mm, size)] = given
    np.testing.assert_allclose(ends, TRUE - BOX[:2], atol=0.1)
    assert spacing_mm == pytest.approx((0.2, 0.3))
    assert size == (80, 110)


def test_ends_of_an_unknown_name_are_refused():
    with pytest.raises(SettingsError, match="The ends of long are front and back; needed upper and lower or left"):
        EndsOutputd("pred", "image", {"long": ["front", "back"]}, READ, 0.1, lambda *_: ())


def test_a_least_confidence_that_is_none_is_refused():
    with pytest.raises(SettingsError, match=r"least_confidence is 5; needed a number from 0 to 1"):
        EndsOutputd("pred", "image", AXES, READ, 5, lambda *_: ())


@pytest.mark.parametrize("name", ["radius_px", "blur_px"])
def test_axes_are_not_read_with_a_width_that_is_none(name):
    with pytest.raises(SettingsError, match=f"{name} is -1; needed a number above 0"):
        read_crossed_axes(heat_maps(CROSSED), **{**CROSSING, name: -1})


def ends_of_ellipse(long, short, degrees, spacing_mm, middle=(350.0, 400.0)):
    """Ends of both axes in pixels, of an ellipse as `ellipse_mask` draws it."""
    turn = math.radians(degrees)
    along, across = np.array([math.sin(turn), math.cos(turn)]), np.array([math.cos(turn), -math.sin(turn)])
    arms = np.array([[-long * along, long * along], [-short * across, short * across]])
    return arms / spacing_mm + middle


measured = partial(measure_head_ends, size=(700, 800))


@pytest.mark.parametrize("spacing_mm", [(0.2, 0.2), (0.3, 0.1), None])
def test_a_head_by_its_ends_measures_what_its_mask_does(spacing_mm):
    scale = spacing_mm or (1.0, 1.0)
    long = 0.3 * min(700 * scale[0], 800 * scale[1])
    by_ends = measured(ends_of_ellipse(long, 0.75 * long, 30, scale), spacing_mm, outline_inset=0.001)
    by_mask = measure_head(ellipse_mask(long, 0.75 * long, 30, scale), spacing_mm, outline_inset=0.001)
    assert [one.column for one in by_ends] == [one.column for one in by_mask]
    for one, other in zip(by_ends, by_mask, strict=True):
        assert one.value == pytest.approx(other.value, rel=0.01, nan_ok=True)


def test_each_diameter_is_drawn_from_end_to_end():
    ends = ends_of_ellipse(60.0, 45.0, 20, (0.5, 0.5))
    lines = {one.name: one.line_px for one in measured(ends, (0.5, 0.5), outline_inset=0.0)}
    np.testing.assert_allclose(lines["occipitofrontal_diameter"], ends[0])
    np.testing.assert_allclose(lines["biparietal_diameter"], ends[1])
    np.testing.assert_allclose(lines["head_circumference"].mean(axis=0), (350, 400), atol=2)


@pytest.mark.parametrize("missing", [0, 1], ids=["occipitofrontal", "biparietal"])
def test_nothing_is_known_of_a_head_whose_end_was_not_found(missing):
    ends = ends_of_ellipse(60.0, 45.0, 20, (0.5, 0.5))
    ends[missing, 1] = math.nan
    found = measured(ends, (0.5, 0.5), outline_inset=0.0)
    assert len(found) == 6
    assert all(math.isnan(one.value) and one.line_px is None for one in found)


def test_a_round_head_with_its_long_axis_called_short_has_the_same_circumference():
    ends = ends_of_ellipse(60.0, 58.0, 20, (0.5, 0.5))
    one, other = (measured(order, (0.5, 0.5), outline_inset=0.0)[0].value for order in (ends, ends[::-1]))
    assert one == pytest.approx(other)


@pytest.mark.parametrize(("settings", "share"), [({}, 0.0), ({"truth_inset": 0.00174}, 0.00174)])
def test_an_evaluation_moves_the_true_ends_in_by_what_it_is_told(settings, share):
    parser = open_workflow(find_bundle("fetal_head_landmarks"), EVALUATION, settings, prepare=False).parser
    measure = parser.get_parsed_content("score").keywords["measure"]
    found = {
        one.name: one.value for one in measure(ends_of_ellipse(60.0, 45.0, 20, (0.5, 0.5)), (0.5, 0.5), (700, 800))
    }
    assert found["occipitofrontal_diameter"] == pytest.approx(120 - 2 * share * 800 * 0.5)


MEASURED = ("head_circumference", "biparietal_diameter")


def scored(found, row, spacing_mm=(0.5, 0.25)):
    """A head's ends beside those of a row of a table."""
    spacing = spacing_mm or (math.nan, math.nan)
    image = MetaTensor(torch.zeros(3, 9, 9), meta={"spacing_mm": torch.tensor(spacing), "scan_box": (0, 0, 90, 130)})
    outputs = (Points(found, NAMES), Measurement("head_circumference", 190.0, "mm"),
               Measurement("biparietal_diameter", 50.0, "mm"))  # fmt: skip
    measure = partial(measure_head_ends, outline_inset=0.0)
    return score_ends(
        {"outputs": outputs, "image": image, "head_circumference_mm": "200", **row},
        columns=COLUMNS,
        measured=MEASURED,
        measure=measure,
    )


def test_each_end_is_scored_against_the_true_one_that_is_nearest():
    found = TRUE.reshape(-1, 2) + np.array([3.0, 4.0])
    for order in (TRUE, TRUE[:, ::-1]):
        row = scored(found, cells(order))
        assert [row[f"{name}_px"] for name in NAMES] == pytest.approx([5.0] * 4)
        assert [row[f"{name}_mm"] for name in NAMES] == pytest.approx([math.hypot(1.5, 1.0)] * 4)


def test_a_number_is_scored_against_the_table_or_what_lies_between_the_true_ends():
    row = scored(TRUE.reshape(-1, 2), cells())
    assert (row["head_circumference_mm"], row["head_circumference_mm_reference"]) == (190, 200)
    assert row["biparietal_diameter_mm_reference"] == pytest.approx(math.hypot(45 * 0.5, 25 * 0.25))


def test_millimetres_are_not_known_without_calibration():
    row = scored(TRUE.reshape(-1, 2), cells(), spacing_mm=None)
    assert row["long_left_px"] == 0
    assert math.isnan(row["long_left_mm"])


def test_a_score_without_points_is_refused():
    with pytest.raises(BundleError, match="The score of ends takes one Points; this bundle gives nothing"):
        score_ends({"outputs": ()}, columns=COLUMNS, measured=(), measure=lambda *_: ())


def test_the_summary_has_means_success_rates_and_limits_of_agreement():
    shifts = [0.0, 3.0, 8.0, math.nan]
    rows = pd.DataFrame(
        [
            {"image": str(n), "group": str(n), **scored(TRUE.reshape(-1, 2) + np.array([shift, 0.0]), cells())}
            for n, shift in enumerate(shifts)
        ]
    )
    found = summarise_ends(rows)
    assert found["radial_error_px"]["mean"] == pytest.approx(np.mean(shifts[:3]), abs=1e-4)
    assert [found[f"within_{limit}_px"]["mean"] for limit in (2, 4, 10)] == [0.25, 0.5, 0.75]
    assert found["within_2_px"]["images"] == 4
    assert found["head_circumference_mm_error"]["mean"] == 10
    assert found["head_circumference_mm_bias"]["mean"] == -10
    assert "biparietal_diameter_mm_upper_limit" in found


def test_points_that_nobody_marked_are_left_out_of_the_shares_and_those_not_found_are_misses():
    unmarked = dict.fromkeys(cells(), "")
    places = TRUE.reshape(-1, 2)
    not_found = np.where(np.arange(4)[:, None] == 1, math.nan, places)
    rows = pd.DataFrame(
        [
            {"image": "0", "group": "0", **scored(places, {**cells(), "b_2_x": "", "b_2_y": ""})},
            {"image": "1", "group": "1", **scored(not_found, cells())},
            {"image": "2", "group": "2", **scored(places, unmarked)},
        ]
    )
    share = summarise_ends(rows)["within_2_px"]
    assert share["mean"] == pytest.approx(6 / 7)  # three of three, three of four, none of none
    assert (share["images"], share["groups"]) == (2, 2)


def test_where_nobody_marked_a_point_no_share_is_known():
    rows = pd.DataFrame([{"image": "0", "group": "0", **scored(TRUE.reshape(-1, 2), dict.fromkeys(cells(), ""))}])
    assert math.isnan(summarise_ends(rows)["within_2_px"]["mean"])


def test_the_errors_of_each_image_are_those_of_its_points_and_of_what_is_measured():
    shifts = [0.0, 3.0, math.nan]
    rows = pd.DataFrame(
        [
            {"image": str(n), "group": str(n), **scored(TRUE.reshape(-1, 2) + np.array([shift, 0.0]), cells())}
            for n, shift in enumerate(shifts)
        ]
    )
    found = errors_of_ends(rows)
    assert found["radial_error_px"].tolist() == pytest.approx(shifts, abs=1e-4, nan_ok=True)
    assert found["radial_error_mm"].tolist() == pytest.approx([0.5 * shift for shift in shifts], abs=1e-4, nan_ok=True)
    assert found["head_circumference_mm_error"].tolist() == [10, 10, 10]
    assert not [name for name in found if name.endswith("_reference")]


def test_the_key_metric_is_the_mean_distance_below_zero():
    metric = build_nearness(radius_px=6.0)
    moved = (ENDS + torch.tensor([3.0, 4.0])).flip(-2)
    validator = Engine(lambda engine, batch: [{"pred": heat_maps(), "label": label} for label in batch])
    metric.attach(validator, "nearness")
    assert validator.run([[moved], [ENDS]]).metrics["nearness"] == pytest.approx(-2.5, abs=0.05)
