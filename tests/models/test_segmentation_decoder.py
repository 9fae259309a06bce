"""The segmentation decoder: scores of every pixel, from every map and the image, and its weight files."""

import pytest
import safetensors.torch
import torch
from small_network import SMALLEST
from torch import nn

from echocare_core.errors import SettingsError, WeightsError
from echocare_core.models import (
    EncoderProfile,
    SegmentationDecoder,
    build_encoder,
    load_segmentation_decoder,
    load_structure_classifier,
    save_segmentation_decoder,
)

FINE = EncoderProfile(embed_dim=4, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), patch_size=2, window_size=4)
COARSE = EncoderProfile(embed_dim=4, depths=(1, 1), num_heads=(1, 1), patch_size=8, window_size=4)
COARSEST = EncoderProfile(embed_dim=4, depths=(1, 1), num_heads=(1, 1), patch_size=32, window_size=2)
WIDTHS = {"width": 4, "width_limit": 8}
FEATURES = nn.Identity()  # as scores


def maps_of(profile, height, width):
    """Five maps as the encoder of a profile makes them of an image."""
    sizes = zip(profile.channels, profile.strides, strict=True)
    return [torch.randn(1, channels, -(-height // step), -(-width // step)) for channels, step in sizes]


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return SegmentationDecoder(SMALLEST, **WIDTHS)


@pytest.fixture
def saved(decoder, tmp_path):
    path = tmp_path / "decoder.safetensors"
    save_segmentation_decoder(decoder, path)
    return path


@pytest.mark.parametrize(
    "profile", [FINE, SMALLEST, COARSE, COARSEST], ids=lambda profile: f"patches of {profile.patch_size} px"
)
@pytest.mark.parametrize("size", [(128, 192), (96, 80), (90, 101)])
def test_every_pixel_gets_scores_whatever_the_size_of_the_image(profile, size):
    image = torch.rand(2, 3, *size)
    with torch.no_grad():
        scores = SegmentationDecoder(profile, **WIDTHS)(image, build_encoder(profile)(image), nn.Conv2d(4, 3, 1))
    assert scores.shape == (2, 3, *size)


def test_scores_are_those_of_the_features_of_every_pixel(decoder):
    image, maps, classify = torch.rand(1, 3, 96, 80), maps_of(SMALLEST, 96, 80), nn.Conv2d(4, 2, 1)
    with torch.no_grad():
        torch.testing.assert_close(decoder(image, maps, classify), classify(decoder(image, maps, FEATURES)))


@pytest.mark.parametrize("level", range(6), ids=["image", *(f"map {level}" for level in range(5))])
def test_the_image_and_every_map_have_a_say(decoder, level):
    image = torch.rand(1, 3, 128, 128)
    given = [one.requires_grad_() for one in (image, *maps_of(SMALLEST, 128, 128))]
    (gradient,) = torch.autograd.grad(decoder(given[0], given[1:], FEATURES)[:, 0].square().sum(), given[level])
    assert gradient.any()


def test_detail_that_no_patch_resolves_is_told_apart(decoder):
    """Stripes of 2 px against the same shifted by 2 px: each patch of 4 px has the same mean."""
    stripes = (torch.arange(128) // 2 % 2).float().expand(1, 3, 128, 128)
    maps = maps_of(SMALLEST, 128, 128)
    with torch.no_grad():
        here, shifted = decoder(stripes, maps, FEATURES), decoder(1 - stripes, maps, FEATURES)
    middle = (slice(None), slice(None), slice(40, 88), slice(40, 88))
    assert (here - shifted)[middle].abs().mean() > 0.1 * here[middle].std()


def test_a_mark_in_one_corner_is_decoded_in_that_corner(decoder):
    image, maps = torch.rand(1, 3, 256, 256), maps_of(SMALLEST, 256, 256)
    marked = [image.clone(), *(one.clone() for one in maps)]
    for one in marked[:3]:
        one[:, :, -1, 0] += 5
    with torch.no_grad():
        change = (decoder(marked[0], marked[1:], FEATURES) - decoder(image, maps, FEATURES)).abs().sum((0, 1))
    assert change[-16:, :16].mean() > 5 * change[:128, 128:].mean()


def test_a_saved_decoder_comes_back_ready_to_train(decoder, saved):
    loaded = load_segmentation_decoder(saved, SMALLEST, **WIDTHS)
    torch.testing.assert_close(loaded.state_dict(), decoder.state_dict(), atol=0, rtol=0)
    assert all(module.training for module in loaded.modules())


def test_a_decoder_saved_in_half_precision_is_loaded_in_full(decoder, tmp_path):
    save_segmentation_decoder(decoder.half(), tmp_path / "half.safetensors")
    loaded = load_segmentation_decoder(tmp_path / "half.safetensors", SMALLEST, **WIDTHS)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    torch.testing.assert_close(loaded.state_dict(), decoder.float().state_dict(), atol=0, rtol=0)


def test_a_decoder_of_another_encoder_is_refused_by_name(tmp_path):
    save_segmentation_decoder(SegmentationDecoder("tiny", **WIDTHS), tmp_path / "decoder.safetensors")
    sentence = (
        r"decoder.safetensors holds a decoder of encoder tiny, width 4, width_limit 8; needed encoder small, width 4, "
    )
    with pytest.raises(SettingsError, match=sentence):
        load_segmentation_decoder(tmp_path / "decoder.safetensors", "small", **WIDTHS)


@pytest.mark.parametrize("other", [{"width": 8}, {"width_limit": 16}])
def test_a_decoder_of_other_widths_is_refused_with_both(saved, other):
    [(name, value)] = other.items()
    with pytest.raises(SettingsError, match=rf"{name} {WIDTHS[name]}.*; needed .*{name} {value}"):
        load_segmentation_decoder(saved, SMALLEST, **{**WIDTHS, **other})


def test_a_file_that_does_not_say_what_it_was_built_for_is_refused(decoder, tmp_path):
    safetensors.torch.save_file(decoder.state_dict(), tmp_path / "bare.safetensors")
    with pytest.raises(SettingsError, match=r"bare.safetensors holds a decoder of encoder unknown"):
        load_segmentation_decoder(tmp_path / "bare.safetensors", SMALLEST, **WIDTHS)
    torch.save(decoder.state_dict(), tmp_path / "bare.pt")
    with pytest.raises(SettingsError, match=r"bare.pt holds a decoder of encoder unknown"):
        load_segmentation_decoder(tmp_path / "bare.pt", SMALLEST, **WIDTHS)


def test_a_file_that_lacks_a_tensor_is_refused_with_its_name(decoder, tmp_path):
    state = {name: tensor for name, tensor in decoder.state_dict().items() if name != "project.0.bias"}
    safetensors.torch.save_file(state, tmp_path / "less.safetensors", decoder.settings)
    with pytest.raises(WeightsError, match=r"1 missing \(project.0.bias\)"):
        load_segmentation_decoder(tmp_path / "less.safetensors", SMALLEST, **WIDTHS)


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_what_is_no_weight_file_is_refused(content, tmp_path):
    path = tmp_path / "decoder.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="needed"):
        load_segmentation_decoder(path, SMALLEST, **WIDTHS)


def classifier_of(structures):
    torch.manual_seed(1)
    return torch.nn.Conv2d(WIDTHS["width"], len(structures), kernel_size=1)


def test_a_structure_is_labelled_where_its_own_chance_was_above_a_half(decoder, tmp_path):
    names = ["liver", "liver mass", "breast lesion"]
    trained, path = classifier_of(names), tmp_path / "decoder.safetensors"
    save_segmentation_decoder(decoder, path, trained, names)
    features = torch.randn(1, WIDTHS["width"], 16, 16)

    found = load_structure_classifier(path, SMALLEST, ["breast lesion"])(features)

    alone = trained(features)[:, 2] > 0
    assert alone.any()
    assert not alone.all()
    assert torch.equal(found.argmax(1) == 1, alone)


def test_labels_come_in_the_order_that_they_are_asked_for(decoder, tmp_path):
    names = ["liver", "liver mass", "breast lesion"]
    trained, path = classifier_of(names), tmp_path / "decoder.safetensors"
    save_segmentation_decoder(decoder, path, trained, names)
    asked = load_structure_classifier(path, SMALLEST, ["breast lesion", "liver"])
    assert torch.equal(asked.weight[1:], trained.weight[[2, 0]])
    assert torch.equal(asked.bias[1:], trained.bias[[2, 0]])
    assert not asked.weight[0].any()


def test_a_decoder_with_scores_is_loaded_as_one_without(decoder, tmp_path):
    save_segmentation_decoder(decoder, tmp_path / "with.safetensors", classifier_of(["liver"]), ["liver"])
    loaded = load_segmentation_decoder(tmp_path / "with.safetensors", SMALLEST, **WIDTHS)
    torch.testing.assert_close(loaded.state_dict(), decoder.state_dict(), atol=0, rtol=0)


def test_a_structure_that_it_was_not_trained_with_is_refused_with_those_it_was(saved, decoder, tmp_path):
    path = tmp_path / "with.safetensors"
    save_segmentation_decoder(decoder, path, classifier_of(["liver", "fetal head"]), ["liver", "fetal head"])
    with pytest.raises(SettingsError, match=r"not trained with thyroid nodule; needed some of liver, fetal head"):
        load_structure_classifier(path, SMALLEST, ["liver", "thyroid nodule"])
    with pytest.raises(SettingsError, match="needed some of none"):
        load_structure_classifier(saved, SMALLEST, ["liver"])
