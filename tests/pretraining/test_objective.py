"""The loss of a step on a tiny network: which terms it has, what they are made of, and what each view hides."""

import dataclasses

import pytest
import torch
from organ_trees import PUBLISHED, tree_tensors
from small_network import SMALLEST
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare, Outputs
from echocare_core.pretraining.losses.contrast import contrast_levels, hierarchical_contrast, tree_triplet
from echocare_core.pretraining.losses.distillation import feature_distillation
from echocare_core.pretraining.losses.pixel_tree import pixel_tree_loss
from echocare_core.pretraining.losses.places import place_contrast, sample_places, shared_places
from echocare_core.pretraining.losses.reconstruction import masked_l1
from echocare_core.pretraining.losses.tree_min import tree_min_loss
from echocare_core.pretraining.networks import copy_teacher
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.pixel_tree import PixelTree
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.pictures import pixel_panel
from echocare_core.pretraining.stages import Stages
from echocare_core.pretraining.views.augmentation import ViewSettings, make_view, move_pixel_label, prepare_pixels
from echocare_core.pretraining.views.counter import uniform

SIDE, PATCH, IMAGES, PLACES = 64, 16, 6, 5
TREE = OrganTree(
    Node(number + 1, f"node {number}", None if parent < 0 else parent + 1) for number, parent in enumerate(PUBLISHED)
)
ANCESTORS, LINES = tree_tensors(PUBLISHED)
LEVEL_WEIGHTS = [0.1, 0.2, 0.3, 0.4, 1.0]
STAGE = {"name": "all", "steps": 11, "batch_size": IMAGES, "image_size": SIDE, "mask_patch": PATCH}
ALL_TERMS = {"reconstruction": 1.0, "hierarchy": 0.5, "contrast": 0.25, "places": 0.75, "ranking": 2.0}


def objective(**settings):
    chosen = {
        "seed": 1,
        "views": {},
        "contrast": "hierarchical",
        "temperature": 0.1,
        "level_weights": LEVEL_WEIGHTS,
        "places_per_image": PLACES,
        "target": "pixels",
        "sector_only": True,
        "precision": "float32",
    }
    return Objective(TREE, **{**chosen, **settings})


def a_point(step=0, **entries):
    return Stages([{**STAGE, **entries}]).at(step)


def a_batch():
    """Six images, some labelled, with their sector in a square off the centre."""
    sector = torch.zeros(IMAGES, 1, 80, 80, dtype=torch.uint8)
    sector[:, :, 10:70, 5:75] = 1
    return {
        "image": torch.randint(30, 256, (IMAGES, 3, 80, 80), dtype=torch.uint8) * sector,
        "inside_sector": sector,
        "node": torch.tensor([5, 5, 2, 4, 9, -1]),
        "group": torch.tensor([0, 1, 1, -1, 2, -1]),
        "position": torch.arange(200, 200 + IMAGES),
    }


def network(**settings):
    widths = {"decoder_width": 8, "projector_width": 8, "place_width": 8}
    return EchoCare(SMALLEST, **{"nodes": len(PUBLISHED), "decoder": "pyramid", **widths, **settings})


class NothingOnTheCpu(TorchDispatchMode):
    """Refuses operators that touch the processor's memory; a tensor on "meta" has no values that could be read."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        touched = [one for one in tree_leaves((args, kwargs, found)) if isinstance(one, torch.Tensor) and one.is_cpu]
        assert not touched, f"{func} waits for the GPU, or makes it wait"
        return found


def to_meta(tensor):
    """A tensor of the same shape without values, from which gradients are taken; None stays."""
    return None if tensor is None else torch.empty_like(tensor, device="meta", requires_grad=tensor.is_floating_point())


class Recording(torch.nn.Module):
    """A teacher that says how hard each patch is, and keeps what it was shown."""

    def __init__(self, predicted_loss):
        super().__init__()
        self.predicted_loss, self.shown = predicted_loss, []

    def forward(self, views, terms):
        self.shown += views
        return [Outputs(predicted_loss=self.predicted_loss) for _ in views]


def test_the_loss_is_the_terms_times_their_weights():
    step = objective()(network(), None, a_batch(), a_point(**ALL_TERMS))
    assert set(step.terms) == set(ALL_TERMS)
    assert all(term > 0 and not term.requires_grad for term in step.terms.values())
    wanted = sum(ALL_TERMS[name] * float(term) for name, term in step.terms.items())
    assert step.loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("term", ["reconstruction", "hierarchy", "contrast", "places"])
def test_a_term_without_weight_is_not_computed(term):
    weights = {name: float(name == term) for name in ALL_TERMS}
    step = objective()(network(), None, a_batch(), a_point(**weights))
    assert list(step.terms) == [term]


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (5, 0.2), (10, 0.4)])
def test_a_term_that_ramps_in_is_shown_from_the_start_and_counts_as_far_as_it_has_come(step, weight):
    found = objective()(network(), None, a_batch(), a_point(step, reconstruction=0.0, hierarchy=[0.0, 0.4]))
    assert found.loss.item() == pytest.approx(weight * float(found.terms["hierarchy"]))


def test_each_term_is_the_loss_of_what_the_network_said():
    batch, point = a_batch(), a_point(**ALL_TERMS)
    step = objective()(network(), None, batch, point)
    (masked, plain), (of_masked, of_plain) = step.views, step.outputs
    pixels = masked_l1(of_masked.reconstruction, masked.image, masked.masked & masked.inside)
    labels = contrast_levels(batch["node"], batch["group"], batch["position"], LINES).repeat(2, 1)
    embeddings = torch.cat([of_masked.embedding, of_plain.embedding])
    contrast = hierarchical_contrast(embeddings, labels, 0.1, torch.tensor(LEVEL_WEIGHTS))
    assert (masked.kind, plain.kind) == ("masked", "plain")
    assert torch.allclose(step.terms["reconstruction"], pixels)
    assert torch.allclose(step.terms["hierarchy"], tree_min_loss(of_plain.logits, batch["node"], ANCESTORS, LINES))
    assert torch.allclose(step.terms["contrast"], contrast)


PIXELS = PixelTree(TREE, [{1: TREE.nodes[4], 2: TREE.nodes[8]}])  # the second lies in the first


PIXELS_ALONE = {"views": ["plain"], "reconstruction": 0.0, "pixels": 1.0}
UNCHANGED = {
    **{"area": 1.0, "aspect": 1.0, "rotation_degrees": 0.0, "flip": 0.0},
    **{"gamma": 1.0, "gain": 0.0, "depth_gain": 0.0, "speckle": 0.0, "blur": 0.0},
}


def with_pixels():
    """A batch with labels of pixels, the first image without any, and a network with a decoder for them."""
    batch = a_batch() | {"pixel_label": torch.randint(len(PIXELS.states), (IMAGES, 1, 80, 80), dtype=torch.uint8)}
    batch["pixel_label"][0] = 0
    return batch, network(pixel_channels=len(PIXELS), pixel_width=4, pixel_width_limit=8)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pixels_are_learned_from_the_first_plain_view(precision):
    batch, model = with_pixels()
    point = a_point(views=["masked", "plain", "plain"], reconstruction=0.0, pixels=0.5)
    step = objective(pixel_tree=PIXELS, precision=precision)(model, None, batch, point)
    pixels = prepare_pixels(batch["image"], batch["inside_sector"], SIDE)
    view = make_view(pixels, batch["position"], "1", SIDE, ViewSettings(), 1)
    label = move_pixel_label(batch["pixel_label"], view.affine, SIDE)
    logits = step.outputs[1].pixel_logits
    wanted = pixel_tree_loss(logits, label, torch.from_numpy(PIXELS.states), PIXELS.ancestors)
    assert torch.equal(step.views[1].image, view.image)
    assert torch.equal(step.pixel_label, label)
    assert torch.allclose(step.terms["pixels"], wanted)
    assert step.loss.item() == pytest.approx(0.5 * wanted.item())
    step.loss.backward()
    assert model.encoder.patch_embed.proj.weight.grad.abs().max() > 0


def test_what_the_teacher_says_of_plain_views_is_kept():
    batch, model = a_batch(), network()
    teacher = copy_teacher(model)
    point = a_point(views=["plain", "masked", "plain"], reconstruction=0.0, distillation=2.0)

    same = objective()(model, teacher, batch, point)
    assert same.terms["distillation"] == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        model.encoder.patch_embed.proj.weight.mul_(1.5)
    moved = objective()(model, teacher, batch, point)

    views = [moved.views[number].image for number in (0, 2)]
    learned, taught = ([pooled_means(one.encoder(view)) for view in views] for one in (model, teacher))
    wanted = feature_distillation(torch.cat(learned), torch.cat(taught))
    assert wanted > 0.01
    assert torch.allclose(moved.terms["distillation"], wanted, rtol=1e-4)
    assert moved.loss.item() == pytest.approx(2 * wanted.item(), rel=1e-4)
    moved.loss.backward()
    assert model.encoder.patch_embed.proj.weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in teacher.parameters())


def pooled_means(maps):
    return torch.cat([one.mean((2, 3)) for one in maps[-3:]], 1)


def test_a_picture_shows_what_is_known_of_pixels_and_what_is_said_of_them():
    batch, model = with_pixels()
    batch["pixel_label"][1] = 0
    batch["pixel_label"][1, :, :40] = 2  # of the first node
    step = objective(pixel_tree=PIXELS, views=UNCHANGED)(model, None, batch, a_point(**PIXELS_ALONE))
    step.outputs[0].pixel_logits.data.fill_(9.0)
    picture = pixel_panel(step, 2, PIXELS).astype(int)
    image, known, said = (picture[:, start : start + SIDE] for start in (0, SIDE + 4, 2 * (SIDE + 4)))
    assert picture.shape == (2 * SIDE + 4, 3 * SIDE + 8, 3)
    assert (known[:SIDE] == image[:SIDE]).all()  # of the first image nothing is known
    changed = (known[SIDE + 4 :] != image[SIDE + 4 :]).any(axis=2)
    assert changed[: SIDE // 2 - 1].mean() > 0.9
    assert not changed[SIDE // 2 + 1 :].any()
    assert (said[:SIDE] != image[:SIDE]).any(axis=2).mean() > 0.9


@pytest.mark.parametrize("contrast", ["hierarchical", "triplet"])
@pytest.mark.parametrize("target", ["pixels", "normalised", "denoised"])
def test_no_term_reads_a_value_or_moves_one_to_the_gpu(contrast, target):
    batch, model = with_pixels()
    loss = objective(pixel_tree=PIXELS, contrast=contrast, target=target)
    point = a_point(views=["masked", "packed", "plain", "plain"], **ALL_TERMS, pixels=1.0, hard_share=0.5)
    teacher = Recording(torch.rand(IMAGES, SIDE // PATCH, SIDE // PATCH))
    said = tree_map(to_meta, [vars(one) for one in loss(model, teacher, batch, point).outputs])
    batch, teacher = tree_map(to_meta, batch), Recording(to_meta(teacher.predicted_loss).detach())

    def step():
        loss(lambda views, terms: [Outputs(**one) for one in said], teacher, batch, point).loss.backward()

    step()  # makes the tables that are kept from step to step
    with NothingOnTheCpu():
        step()


def test_pixels_are_left_out_where_the_mix_labels_none():
    step = objective()(network(), None, a_batch(), a_point(hierarchy=1.0, pixels=1.0))
    assert set(step.terms) == {"reconstruction", "hierarchy"}
    assert objective().without_unlabelled(("contrast", "pixels")) == ("contrast",)
    assert objective(pixel_tree=PIXELS).without_unlabelled(("contrast", "pixels")) == ("contrast", "pixels")


def test_the_tree_is_learned_from_every_view_where_none_is_plain():
    batch, point = a_batch(), a_point(views=["masked", "packed"], hierarchy=1.0)
    step = objective()(network(), None, batch, point)
    wanted = [tree_min_loss(output.logits, batch["node"], ANCESTORS, LINES) for output in step.outputs]
    assert torch.allclose(step.terms["hierarchy"], torch.stack(wanted).mean())


def test_two_views_with_hidden_patches_are_reconstructed_at_half_weight_each():
    step = objective()(network(), None, a_batch(), a_point(views=["masked", "packed"]))
    said = zip(step.views, step.outputs, strict=True)
    each = [masked_l1(output.reconstruction, view.image, view.masked & view.inside) for view, output in said]
    assert torch.allclose(step.terms["reconstruction"], torch.stack(each).mean())


def places_compared(step, batch, one, other):
    """The contrast of places between two views of a step of seed 1, on all maps alike."""
    pixels, positions = prepare_pixels(batch["image"], batch["inside_sector"], SIDE), batch["position"]
    augmented = [make_view(pixels, positions, str(number), SIDE, ViewSettings(), 1) for number in (one, other)]
    here, there, shown = shared_places(*augmented, uniform(1, f"places {one}", positions, 2 * PLACES))
    maps = zip(step.outputs[one].places, step.outputs[other].places, strict=True)
    pairs = [(sample_places(first, here), sample_places(second, there)) for first, second in maps]
    return torch.stack([place_contrast(*pair, shown, 0.1) for pair in pairs]).mean()


@pytest.mark.parametrize(
    ("views", "pairs"),
    [
        (["plain", "plain"], [(0, 1)]),
        (["masked", "plain"], [(0, 1)]),
        (["masked", "packed", "masked"], [(0, 2)]),
        (["masked", "plain", "plain"], [(1, 2)]),
        (["plain", "plain", "packed", "plain"], [(0, 1), (1, 3)]),
    ],
)
def test_places_are_compared_between_plain_views_or_for_want_of_two_between_all_but_packed_ones(views, pairs):
    batch = a_batch()
    step = objective()(network(), None, batch, a_point(views=views, reconstruction=0.0, places=1.0))
    wanted = torch.stack([places_compared(step, batch, *pair) for pair in pairs]).mean()
    assert torch.allclose(step.terms["places"], wanted)
    assert wanted > 0.1


@pytest.mark.parametrize(
    ("views", "compared"),
    [(["masked", "plain"], [0, 1]), (["masked", "plain", "plain"], [1, 2]), (["plain", "packed", "masked"], [0, 2])],
)
def test_the_contrast_of_places_moves_only_the_views_that_it_compares(views, compared):
    step = objective()(network(), None, a_batch(), a_point(views=views, places=1.0))
    for places in [places for output in step.outputs for places in output.places]:
        places.retain_grad()
    step.loss.backward()
    moved = [any(places.grad is not None for places in output.places) for output in step.outputs]
    assert [number for number, has_moved in enumerate(moved) if has_moved] == compared


def test_the_triplet_contrast_takes_the_place_of_the_hierarchical_one():
    batch = a_batch()
    step = objective(contrast="triplet")(network(), None, batch, a_point(contrast=1.0))
    labels = contrast_levels(batch["node"], batch["group"], batch["position"], LINES).repeat(2, 1)
    embeddings = torch.cat([output.embedding for output in step.outputs])
    assert torch.allclose(step.terms["contrast"], tree_triplet(embeddings, labels))


def test_views_and_masks_follow_from_the_seed_and_the_place_in_the_stream_alone():
    batch, point, model = a_batch(), a_point(views=["masked", "packed", "plain"]), network()
    whole = objective()(model, None, batch, point)
    half = objective()(model, None, {name: rows[4:] for name, rows in batch.items()}, point)
    for one, other in zip(whole.views, half.views, strict=True):
        assert torch.allclose(one.image[4:], other.image, atol=1e-6)
        assert torch.equal(one.inside[4:], other.inside)
        assert one.masked is other.masked is None or torch.equal(one.masked[4:], other.masked)
    elsewhere = objective(seed=2)(model, None, batch, point)
    assert not torch.equal(whole.views[0].masked, elsewhere.views[0].masked)


def test_two_views_of_one_kind_look_elsewhere_and_hide_other_patches():
    step = objective()(network(), None, a_batch(), a_point(views=["masked", "masked"]))
    first, second = step.views
    assert not torch.equal(first.masked, second.masked)
    assert not torch.allclose(first.image, second.image, atol=0.05)


@pytest.mark.parametrize("sector_only", [True, False])
def test_patches_outside_the_sector_are_hidden_only_where_asked(sector_only):
    batch = a_batch()
    batch["inside_sector"][:, :, :, 40:] = 0
    step = objective(sector_only=sector_only, views={"rotation_degrees": 0.0, "area": 1.0, "aspect": 1.0, "flip": 0.0})(
        network(), None, batch, a_point(mask_ratio=0.75)
    )
    (view, _) = step.views
    outside = torch.zeros(4, 4, dtype=torch.bool)
    outside[:, 2:] = True
    assert bool(view.masked[:, outside].any()) is not sector_only


@pytest.mark.parametrize("kind", ["masked", "packed"])
def test_pixels_outside_hidden_patches_give_the_reconstruction_no_gradient(kind):
    step = objective()(network(), None, a_batch(), a_point(views=[kind]))
    (view,), (output,) = step.views, step.outputs
    (gradient,) = torch.autograd.grad(step.loss, output.reconstruction)
    scored = (view.masked & view.inside).repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None]
    assert torch.equal(gradient.any(1, keepdim=True), scored)


def test_the_patches_that_the_teacher_finds_hardest_are_hidden():
    predicted_loss = torch.zeros(IMAGES, 16, 16)
    predicted_loss[:, 4:8, 8:12] = 9.0  # the patch in the second row and the third column
    teacher = Recording(predicted_loss)
    step = objective(sector_only=False)(network(), teacher, a_batch(), a_point(hard_share=0.5, mask_ratio=0.25))
    view = step.views[0]
    assert view.masked[:, 1, 2].all()
    assert view.masked.sum((1, 2)).tolist() == [4] * IMAGES
    (shown,) = teacher.shown
    assert torch.equal(shown.image, view.image)
    assert not shown.masked.any()


def test_without_a_hard_share_the_teacher_is_not_asked():
    teacher = Recording(torch.zeros(IMAGES, 16, 16))
    objective()(network(), teacher, a_batch(), a_point())
    assert teacher.shown == []


def test_the_ranking_moves_the_loss_prediction_and_nothing_of_the_reconstruction():
    model = network()
    point = a_point(views=["masked"], ranking=1.0)
    ranking_alone = dataclasses.replace(point, ramps={**point.ramps, "reconstruction": 0.0})
    objective()(model, None, a_batch(), ranking_alone).loss.backward()
    assert model.decoder.loss_prediction.weight.grad.any()
    assert not model.decoder.pixels.weight.grad.any()


def test_a_batch_of_which_nothing_is_known_teaches_the_tree_nothing():
    batch = {**a_batch(), "node": torch.full((IMAGES,), -1)}
    step = objective()(network(), None, batch, a_point(hierarchy=1.0))
    assert float(step.terms["hierarchy"]) == 0
    assert torch.isfinite(step.loss)


def test_in_bfloat16_the_views_and_losses_stay_in_float32():
    model, batch, point = network(), a_batch(), a_point(**ALL_TERMS)
    lower, full = (objective(precision=precision)(model, None, batch, point) for precision in ("bfloat16", "float32"))
    assert lower.outputs[0].reconstruction.dtype == torch.bfloat16
    assert {lower.loss.dtype, lower.views[0].image.dtype, *(term.dtype for term in lower.terms.values())} == {
        torch.float32
    }
    assert lower.loss.item() == pytest.approx(full.loss.item(), rel=0.05)


def test_a_few_steps_on_one_batch_lower_the_loss():
    model, batch, point, chosen = network(), a_batch(), a_point(**ALL_TERMS), objective()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = chosen(model, None, batch, point).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("target", ["pixels", "normalised", "denoised"])
def test_every_target_can_be_trained_on(target):
    loss = objective(target=target)(
        network(decoder="ladder"), None, a_batch(), a_point(views=["masked"], image_size=128)
    ).loss
    assert torch.isfinite(loss)


def test_an_unknown_contrast_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="Unknown contrast 'cosine'; needed one of hierarchical, triplet"):
        objective(contrast="cosine")


def test_level_weights_that_do_not_fit_the_tree_are_refused():
    with pytest.raises(SettingsError, match="3 level weights; needed 5: the tree's 3 levels, the group and the image"):
        objective(level_weights=[1.0, 1.0, 1.0])


@pytest.mark.parametrize("places", [0, -1, 2.5])
def test_no_places_are_refused(places):
    with pytest.raises(SettingsError, match=f"{places} places per image; needed a whole number above 0"):
        objective(places_per_image=places)


def test_a_stage_can_crop_more_than_the_views_of_the_run_do():
    batch, views = a_batch(), ["plain", "plain"]
    plain = {"views": views, "reconstruction": 0.0, "contrast": 1.0}
    ramped = objective()(network(), None, batch, a_point(area=0.1, **plain)).views
    wanted = objective(views={"area": 0.1})(network(), None, batch, a_point(**plain)).views
    unchanged = objective()(network(), None, batch, a_point(**plain)).views
    for number in range(2):
        assert torch.equal(ramped[number].image, wanted[number].image)
        assert not torch.equal(ramped[number].image, unchanged[number].image)
