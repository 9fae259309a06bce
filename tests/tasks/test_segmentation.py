"""The segmentation network: a score for every pixel, and a start from a pretrained encoder."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.transforms import Compose

from echocare_core.errors import SettingsError, WeightsError
from echocare_core.frames.reduced import reduced_frames
from echocare_core.frames.sector import find_beams
from echocare_core.models import (
    SegmentationDecoder,
    build_encoder,
    load_encoder,
    save_encoder,
    save_segmentation_decoder,
    weights,
)
from echocare_core.models.saving import save_state
from echocare_core.models.weights import load_network
from echocare_core.tasks.measurements import measure_parts
from echocare_core.tasks.segmentation import SegmentationNetwork, SegmentationOutputd, build_mean_dice
from echocare_core.transforms import LoadUltrasoundd, NoteBeamsd, PrepareScand
from echocare_core.types import Frames, Mask, Measurement, Region

SMALL_PROFILES = ["tiny", "small"]
LARGEST_FILE = 4 * 2**20  # bytes: what a bundle may carry in its own folder


def network(encoder="tiny", **settings):
    return SegmentationNetwork(**{"labels": 2, "encoder": encoder, "width": 16, "width_limit": 64, **settings})


@pytest.mark.parametrize("profile", SMALL_PROFILES)
@pytest.mark.parametrize("size", [(128, 128), (64, 192), (192, 128)])
def test_every_pixel_gets_a_score_for_every_label(profile, size):
    with torch.no_grad():
        assert network(profile, labels=3)(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_an_encoder_with_the_published_patch_size_is_scored_at_full_size():
    net = network(type(build_encoder("tiny").profile)(8, (1, 1, 1, 1), (1, 1, 1, 1), patch_size=2))
    with torch.no_grad():
        assert net(torch.rand(1, 3, 96, 64)).shape == (1, 2, 96, 64)


@pytest.mark.parametrize("profile", SMALL_PROFILES)
def test_every_parameter_learns(profile):
    net = network(profile)
    net(torch.rand(1, 3, 128, 192))[:, 1].square().mean().backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []
    weights = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.ndim > 1}
    assert [name for name, gradient in weights.items() if not gradient.any()] == []


def test_a_mark_moves_the_scores_where_it_is_and_not_where_its_mirror_image_is():
    plain = torch.full((1, 3, 128, 128), 0.2)
    marked = plain.clone()
    marked[..., :16, -16:] = 1.0
    net = network().eval()
    with torch.no_grad():
        change = (net(marked) - net(plain)).abs().sum(dim=1)[0]
    assert change[:16, -16:].mean() > 2 * change[-16:, :16].mean()


@pytest.mark.parametrize("size", [(100, 128), (128, 96), (32, 32)])
def test_sides_that_are_no_multiples_are_refused(size):
    with pytest.raises(ValueError, match=f"Image of {size[0]}x{size[1]} px; needed sides that are multiples of 64"):
        network()(torch.rand(1, 3, *size))


def test_an_encoder_file_is_where_it_starts_from(tmp_path):
    pretrained = build_encoder("tiny")
    save_encoder(pretrained, tmp_path / "encoder.pth")
    net = network("tiny", encoder_weights=tmp_path / "encoder.pth")
    torch.testing.assert_close(net.encoder.state_dict(), pretrained.state_dict(), atol=0, rtol=0)


def test_a_pretrained_encoder_is_ready_to_train(tmp_path):
    save_encoder(build_encoder("tiny"), tmp_path / "encoder.pth")
    assert all(module.training for module in network(encoder_weights=str(tmp_path / "encoder.pth")).modules())


def test_it_starts_from_the_embedded_encoder_by_name():
    net = network("small", encoder_weights="embedded")
    torch.testing.assert_close(net.encoder.state_dict(), load_encoder().state_dict(), atol=0, rtol=0)


def test_an_encoder_file_of_another_profile_is_refused(tmp_path):
    save_encoder(build_encoder("tiny"), tmp_path / "encoder.pth")
    with pytest.raises(SettingsError, match=r"encoder.pth holds the encoder tiny \(.*; needed small \(.*Set `encoder`"):
        network("small", encoder_weights=tmp_path / "encoder.pth")


def test_a_decoder_file_is_where_it_starts_from(tmp_path):
    pretrained = SegmentationDecoder("tiny", width=16, width_limit=64)
    save_segmentation_decoder(pretrained, tmp_path / "decoder.safetensors")
    net = network(decoder_weights=tmp_path / "decoder.safetensors")
    torch.testing.assert_close(net.decoder.state_dict(), pretrained.state_dict(), atol=0, rtol=0)


def test_it_starts_from_the_embedded_decoder_by_name(tmp_path, monkeypatch):
    pretrained = SegmentationDecoder("tiny", width=16, width_limit=64)
    save_segmentation_decoder(pretrained, tmp_path / "tiny_decoder.safetensors")
    monkeypatch.setattr(weights, "EMBEDDED_FOLDER", tmp_path)
    net = network(decoder_weights="embedded")
    torch.testing.assert_close(net.decoder.state_dict(), pretrained.state_dict(), atol=0, rtol=0)


def test_it_starts_from_the_scores_of_its_structures(tmp_path):
    path, trained = tmp_path / "decoder.safetensors", torch.nn.Conv2d(16, 2, kernel_size=1)
    pretrained = SegmentationDecoder("tiny", width=16, width_limit=64)
    save_segmentation_decoder(pretrained, path, trained, ["fetal head", "breast lesion"])
    net = network(decoder_weights=path, structures=["breast lesion"])
    assert torch.equal(net.classify.weight[1], trained.weight[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"structures": ["breast lesion"]}, "structures without decoder_weights; needed the decoder"),
        ({"structures": [], "decoder_weights": "embedded"}, "0 structures for 2 labels; needed 1: one for each"),
    ],
)
def test_structures_that_do_not_fit_are_refused(settings, message, tmp_path, monkeypatch):
    save_segmentation_decoder(
        SegmentationDecoder("tiny", width=16, width_limit=64), tmp_path / "tiny_decoder.safetensors"
    )
    monkeypatch.setattr(weights, "EMBEDDED_FOLDER", tmp_path)
    with pytest.raises(SettingsError, match=message):
        network(**settings)


def test_a_decoder_file_of_another_encoder_is_refused(tmp_path):
    save_segmentation_decoder(SegmentationDecoder("tiny", width=16, width_limit=64), tmp_path / "decoder.safetensors")
    with pytest.raises(SettingsError, match=r"encoder tiny, .*; needed encoder small, .*`decoder_weights` to None"):
        network("small", decoder_weights=tmp_path / "decoder.safetensors")


def test_weights_of_a_network_with_another_encoder_are_refused_by_name(tmp_path):
    save_state(network("tiny").state_dict(), tmp_path / "model.pt")
    with pytest.raises(WeightsError, match=r"model.pt holds the encoder tiny \(.*; needed small \(.*Set `encoder`"):
        load_network(network("small"), tmp_path / "model.pt")


def test_an_encoder_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="No weight file"):
        network(encoder_weights=tmp_path / "absent.pth")


def test_the_tiny_network_fits_into_four_megabytes_of_float16():
    net = network("tiny")
    assert sum(parameter.numel() for parameter in net.parameters()) < 2.1e6
    floats, others = [], []
    for tensor in net.state_dict().values():
        (floats if tensor.is_floating_point() else others).append(tensor.numel())
    assert 2 * sum(floats) + 8 * sum(others) < LARGEST_FILE


def test_no_level_of_the_decoder_is_wider_than_the_limit():
    wide = [module.out_channels for module in network(width_limit=32).decoder.project]
    assert wide == [32, 32, 32, 32, 32]


SIZE, BOX = (90, 130), (10, 20, 80, 120)


FRAME = np.zeros((*SIZE, 3), dtype=np.uint8)
FRAME[20:50, 30:60] = FRAME[60:70, 90:100] = 255


def prepared(spacing_mm=None, most_pixels=10**6, before=()):
    """A frame whose marks are two bright boxes in its scan region, as the network gets it, and the preprocessing."""
    frames = Frames(Path("IM1"), [FRAME], SIZE, regions=(Region("tissue", BOX, spacing_mm),), spacing_mm=spacing_mm,
                    scan_region=0)  # fmt: skip
    preprocessing = Compose(
        [
            LoadUltrasoundd("image"),
            *before,
            PrepareScand("image", size=(64, 64), mode="bilinear", anti_aliasing=True, value_range=(0, 1)),
        ]
    )
    return preprocessing({"image": reduced_frames(frames, most_pixels)}), preprocessing, FRAME[:, :, 0] > 128


def output_of(item, preprocessing, measure=lambda *_: (), largest_part_only=False, steepness=100, **settings):
    bright = steepness * (item["image"][:1] - 0.5)
    item["pred"] = MetaTensor(torch.cat([-bright, bright]), meta=item["image"].meta)
    settings = {"smallest_share": 0.0, "least_confidence": {}, "agreement_between": None, **settings}
    transform = SegmentationOutputd("pred", "image", preprocessing, ["lesion"], measure, largest_part_only, **settings)
    return transform(item)


def test_a_mask_has_the_size_of_the_recorded_frame_and_lies_where_it_was_seen():
    item, preprocessing, bright = prepared()
    found = output_of(item, preprocessing)
    [mask] = found["outputs"]
    assert isinstance(mask, Mask)
    assert mask.values.shape == SIZE
    assert (mask.values == bright).mean() > 0.98
    assert mask.labels == {1: "lesion"}
    np.testing.assert_array_equal(found["pred"][0], mask.values)


def test_only_the_largest_part_is_kept_where_that_is_asked_for():
    item, preprocessing, _ = prepared()
    [mask] = output_of(item, preprocessing, largest_part_only=True)["outputs"]
    assert mask.values[30:40, 40:50].all()
    assert not mask.values[55:].any()


def test_parts_that_the_network_is_unsure_of_are_left_out_where_that_is_asked_for():
    """Boxes of logits -0.5 and 0.5, so of a probability of 0.73 and somewhat less at their edges."""
    for least, found in ((0.6, True), (0.8, False)):
        item, preprocessing, bright = prepared()
        [mask] = output_of(item, preprocessing, steepness=1, least_confidence={"lesion": least})["outputs"]
        assert (mask.values.any(), (mask.values == bright).mean() > 0.98) == (found, found)


def test_each_label_that_is_found_says_how_sure_its_outline_is_where_that_is_asked_for():
    found = {}
    for steepness in (4, 100):
        item, preprocessing, _ = prepared()
        given = output_of(item, preprocessing, steepness=steepness, agreement_between=(0.3, 0.7))["outputs"]
        [found[steepness]] = [one.value for one in given if isinstance(one, Measurement)]
        assert given[1].column == "lesion_outline_agreement_percent"
    assert 0 < found[4] < found[100] <= 100

    item, preprocessing, _ = prepared()
    assert len(output_of(item, preprocessing, steepness=-1e-9, agreement_between=(0.3, 0.7))["outputs"]) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"least_confidence": {"lesion": 5}}, "least_confidence of lesion is 5; needed a number from 0 to 1"),
        ({"least_confidence": {"lesion": "x"}}, "least_confidence of lesion is 'x'; needed a number from 0 to 1"),
        ({"least_confidence": 0.5}, "least_confidence is 0.5; needed a number for labels by their names"),
        ({"smallest_share": 4}, "smallest_share is 4; needed a number from 0 to 1"),
    ],
)
def test_a_confidence_or_share_that_is_none_is_refused(settings, said):
    with pytest.raises(SettingsError, match=said):
        output_of(*prepared()[:2], **settings)


def test_a_least_confidence_of_a_label_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="A least confidence of cyst; needed names of labels: lesion"):
        output_of(*prepared()[:2], least_confidence={"cyst": 0.5})


@pytest.mark.parametrize("spacing_mm", [(0.2, 0.1), None])
def test_a_mask_is_measured_inside_its_scan_region_with_its_spacing(spacing_mm):
    seen = []
    item, preprocessing, _ = prepared(spacing_mm)
    measured = Measurement("area", 1.0, "mm2")
    outputs = output_of(item, preprocessing, measure=lambda *given: seen.append(given) or (measured,))["outputs"]
    assert outputs[1:] == (measured,)
    [(values, spacing)] = seen
    top, left, bottom, right = BOX
    np.testing.assert_array_equal(values, outputs[0].values[top:bottom, left:right])
    assert spacing == (spacing_mm and pytest.approx(spacing_mm))


def test_a_measure_gets_the_beams_that_the_preprocessing_noted_in_pixels_of_the_scan_region():
    seen = []
    for note in ([], [NoteBeamsd("image")]):
        item, preprocessing, _ = prepared(before=note)
        output_of(item, preprocessing, measure=lambda *_, **given: seen.append(given) or ())
    [without, given] = seen
    assert without == {}
    np.testing.assert_array_equal(given["beams"], find_beams(FRAME[BOX[0] : BOX[2], BOX[1] : BOX[3]]))


@pytest.mark.parametrize(("spacing_mm", "unit", "step"), [((0.2, 0.1), "mm", (0.2, 0.1)), (None, "px", (1, 1))])
def test_a_frame_that_was_reduced_is_masked_and_measured_as_it_was_recorded(spacing_mm, unit, step):
    item, preprocessing, bright = prepared(spacing_mm, most_pixels=SIZE[0] * SIZE[1] // 4)
    assert item["image"].meta["recorded_size"].tolist() == list(SIZE)
    found = output_of(
        item, preprocessing, measure=partial(measure_parts, label=1, name="lesion", counted="lesions", smallest_share=0)
    )
    mask, lesions, area, long, _ = found["outputs"]
    assert mask.values.shape == found["pred"].shape[1:] == SIZE
    assert (mask.values == bright).mean() > 0.95
    assert (lesions.value, area.unit, long.unit) == (2, f"{unit}2", unit)
    assert area.value == pytest.approx(30 * step[0] * 30 * step[1], rel=0.15)
    np.testing.assert_allclose(sorted(long.line_px[:, 0]), [19.5, 49.5], atol=2.5)
    np.testing.assert_allclose(sorted(long.line_px[:, 1]), [29.5, 59.5], atol=2.5)


def test_parts_that_are_too_small_to_be_measured_are_marked_as_specks():
    item, preprocessing, _ = prepared()
    assert output_of(item, preprocessing, smallest_share=0.1)["outputs"][0].smallest_share == 0.1


def test_weights_are_chosen_by_pictures_without_a_lesion_too():
    """Of four pictures, lesion found and missed, none there and none found, none there and one found."""
    lesion, nothing = torch.zeros(8, 8), torch.zeros(8, 8)
    lesion[2:5, 2:5] = 1
    drawn = [torch.stack([1 - one, one]) for one in (lesion, lesion, nothing, nothing)]
    found = [torch.stack([1 - one, one]) for one in (lesion, nothing, nothing, lesion)]
    items = [{"pred": one, "label": other} for one, other in zip(found, drawn, strict=True)]
    validator = Engine(lambda engine, batch: batch)
    build_mean_dice().attach(validator, "val_dice")
    assert validator.run([items]).metrics["val_dice"] == pytest.approx((1 + 0 + 1 + 0) / 4)
