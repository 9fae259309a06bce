"""The joint model: which heads answer for which view, and that nothing hidden is ever seen."""

import re
from dataclasses import replace

import pytest
import torch
from small_network import SMALLEST

from echocare_core.errors import SettingsError
from echocare_core.models import build_encoder
from echocare_core.models.echocare import EchoCare, View
from echocare_core.models.weights import save_encoder
from echocare_core.pretraining.views.masking import enlarge, keep_one_of_four

SIDE, PATCH, NODES, WIDTH, PLACE_WIDTH = 128, 16, 7, 12, 10
TERMS = ("reconstruction", "ranking", "hierarchy", "contrast", "places")


def joint_model(decoder="pyramid", **settings):
    """A model of every part, in evaluation mode."""
    widths = {"decoder_width": 8, "projector_width": WIDTH, "place_width": PLACE_WIDTH}
    return EchoCare(SMALLEST, **{"nodes": NODES, "decoder": decoder, **widths, **settings}).eval()


def view_of(kind, image=None):
    """A view of two images in patches of 16 px, the same patches hidden each time."""
    image = torch.rand(2, 3, SIDE, SIDE) if image is None else image
    everywhere = torch.ones(2, SIDE // PATCH, SIDE // PATCH, dtype=torch.bool)
    with torch.random.fork_rng(devices=[]):
        chances = torch.rand(2, everywhere[0].numel(), generator=torch.Generator().manual_seed(3))
    masked = {
        "plain": None,
        "masked": chances.view_as(everywhere) < 0.5,
        "packed": keep_one_of_four(everywhere, chances),
    }[kind]
    return View(kind, image, everywhere, masked)


def answers(model, view, terms=TERMS):
    with torch.no_grad():
        (output,) = model([view], terms)
    return output


@pytest.mark.parametrize("kind", ["masked", "packed"])
def test_a_view_with_hidden_patches_is_reconstructed_classified_and_embedded(kind):
    output = answers(joint_model(), view_of(kind))
    assert output.reconstruction.shape == (2, 3, SIDE, SIDE)
    assert output.predicted_loss.shape == (2, SIDE // SMALLEST.patch_size, SIDE // SMALLEST.patch_size)
    assert output.logits.shape == (2, NODES)
    assert output.embedding.shape == (2, WIDTH)


def test_a_plain_view_is_not_reconstructed():
    output = answers(joint_model(), view_of("plain"))
    assert output.reconstruction is output.predicted_loss is None
    assert output.logits.shape == (2, NODES)


def test_pixels_are_labelled_in_the_first_plain_view_alone_and_where_they_are_asked_for():
    model = joint_model(pixel_channels=5, pixel_width=4, pixel_width_limit=8)
    views = [view_of(kind) for kind in ("masked", "plain", "plain")]
    with torch.no_grad():
        masked, first, second = model(views, ("contrast", "pixels"))
        unasked = model(views, ("contrast",))
    assert first.pixel_logits.shape == (2, 5, SIDE, SIDE)
    assert masked.pixel_logits is second.pixel_logits is unasked[1].pixel_logits is None


def test_a_segmentation_decoder_without_widths_is_refused():
    with pytest.raises(SettingsError, match=r"needed 1 or more\. Set pixel_width and pixel_width_limit"):
        joint_model(pixel_channels=5)


def test_a_model_without_pixel_channels_has_no_segmentation_decoder():
    assert not [name for name in joint_model().state_dict() if "segmentation" in name or "pixel_classifier" in name]
    with pytest.raises(SettingsError, match=r"ask for pixels, .* needed pixel_channels"):
        joint_model().check_heads(("pixels",))


@pytest.mark.parametrize("term", TERMS)
def test_a_term_without_its_head_is_refused(term):
    with pytest.raises(SettingsError, match=f"ask for {term}, for which this model has no head"):
        answers(joint_model(None, nodes=0, projector_width=0, place_width=0), view_of("masked"), [term])


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (["reconstruction"], {"reconstruction"}),
        (["reconstruction", "ranking"], {"reconstruction", "predicted_loss"}),
        (["ranking"], {"reconstruction", "predicted_loss"}),
        (["hierarchy"], {"logits"}),
        (["contrast"], {"embedding"}),
        (["places"], {"places"}),
        ([], set()),
    ],
)
def test_only_what_a_term_of_the_loss_needs_is_said(terms, said):
    output = answers(joint_model(), view_of("masked"), terms)
    assert {name for name, answer in vars(output).items() if answer is not None and answer != ()} == said


def test_the_published_ladder_reconstructs_without_a_loss_prediction():
    output = answers(joint_model("ladder"), view_of("masked"), ["reconstruction"])
    assert output.reconstruction.shape == (2, 3, SIDE, SIDE)
    assert output.predicted_loss is None


def test_views_are_answered_in_their_order_each_as_if_alone():
    model, views = joint_model(), [view_of(kind) for kind in ("plain", "masked", "packed")]
    with torch.no_grad():
        together = model(views, TERMS)
    for output, view in zip(together, views, strict=True):
        assert torch.equal(output.logits, answers(model, view).logits)
        assert torch.equal(output.embedding, answers(model, view).embedding)


@pytest.mark.parametrize("decoder", ["ladder", "pyramid"])
@pytest.mark.parametrize("kind", ["masked", "packed"])
def test_hidden_pixels_change_no_answer(kind, decoder):
    model, view = joint_model(decoder), view_of(kind)
    other = torch.where(enlarge(view.masked, PATCH)[:, None], torch.rand_like(view.image), view.image)
    terms = [term for term in TERMS if decoder == "pyramid" or term != "ranking"]
    first, second = answers(model, view, terms), answers(model, view_of(kind, other), terms)
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.embedding, second.embedding)
    assert all(torch.equal(*pair) for pair in zip(first.places, second.places, strict=True))
    if decoder == "pyramid":
        assert torch.equal(first.predicted_loss, second.predicted_loss)


@pytest.mark.parametrize("kind", ["masked", "packed"])
def test_no_gradient_reaches_hidden_pixels_and_visible_ones_have_some(kind):
    model, view = joint_model(), view_of(kind)
    image = view.image.requires_grad_()
    (output,) = model([view], TERMS)
    (gradient,) = torch.autograd.grad(output.reconstruction.square().sum(), image)
    hidden = enlarge(view.masked, PATCH)[:, None].expand_as(image)
    assert not gradient[hidden].any()
    assert gradient[~hidden].any()


def test_an_image_is_answered_the_same_alone_and_in_a_batch():
    model, view = joint_model(), view_of("masked")
    alone = View("masked", view.image[1:], view.inside[1:], view.masked[1:])
    assert torch.allclose(answers(model, alone).embedding[0], answers(model, view).embedding[1], atol=1e-5)


def test_the_classifier_and_the_projector_see_the_mean_of_the_deepest_map():
    model, view = joint_model(), view_of("plain")
    output = answers(model, view)
    with torch.no_grad():
        pooled = model.encoder(view.image)[-1].mean((2, 3))
        assert torch.allclose(output.logits, model.classifier(pooled), atol=1e-6)
        assert torch.allclose(output.embedding, model.projector(pooled), atol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "masked"])
def test_a_place_projector_sees_each_place_of_its_map(kind):
    model, view = joint_model(place_maps=(1, 3)), view_of(kind)
    found = answers(model, view, ["places"]).places
    with torch.no_grad():
        maps = model.encoder(view.image, view.masked)
        wanted = [model.places[number](maps[which][:, :, 2, 1]) for number, which in enumerate((1, 3))]
    assert [tuple(places.shape) for places in found] == [(2, PLACE_WIDTH, 16, 16), (2, PLACE_WIDTH, 4, 4)]
    for places, of_map in zip(found, wanted, strict=True):
        assert torch.allclose(places[:, :, 2, 1], of_map, atol=1e-6)


def test_a_packed_view_has_no_places():
    assert answers(joint_model(), view_of("packed")).places == ()


def test_the_classifier_is_two_linear_layers_as_published():
    shapes = [tuple(tensor.shape) for tensor in joint_model(nodes=93).classifier.parameters()]
    assert shapes == [(128, 128), (128,), (93, 128), (93,)]


def test_every_part_is_trained_by_its_answers():
    model = joint_model().train()
    outputs = model([view_of(kind) for kind in ("plain", "masked", "packed")], TERMS)
    given = [(one.reconstruction, one.predicted_loss, one.logits, one.embedding, *one.places) for one in outputs]
    sum(tensor.square().sum() for answer in given for tensor in answer if tensor is not None).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_the_model_starts_from_the_weights_of_a_file(tmp_path):
    encoder = build_encoder(SMALLEST)
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    model = joint_model(encoder_weights=str(tmp_path / "encoder.safetensors"))
    state = model.encoder.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in encoder.state_dict().items())
    assert all(weight.requires_grad for weight in model.encoder.parameters())


def test_an_unknown_decoder_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="Unknown decoder 'unet'; needed one of ladder, pyramid, or none"):
        joint_model("unet")


@pytest.mark.parametrize("maps", [(2, 5), (-1,), ()])
def test_a_place_map_that_the_encoder_does_not_have_is_refused(maps):
    with pytest.raises(SettingsError, match=re.escape(f"Place maps {maps}; needed one or more numbers from 0 to 4.")):
        joint_model(place_maps=maps)


def test_plain_views_go_through_the_encoder_together_and_each_gives_what_it_gives_alone():
    model, views = joint_model().double(), [view_of("plain"), view_of("plain")]
    views = [replace(view, image=torch.rand_like(view.image).double()) for view in views]
    wanted = [model([view], TERMS)[0] for view in views]
    batches = []
    model.encoder.register_forward_pre_hook(lambda _, given: batches.append(len(given[0])))

    for found, alone in zip(model(views, TERMS), wanted, strict=True):
        torch.testing.assert_close(found.logits, alone.logits)
        torch.testing.assert_close(found.embedding, alone.embedding)
        torch.testing.assert_close(found.places, alone.places)
    assert batches == [2 * len(views[0].image)]
