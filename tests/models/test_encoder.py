"""The encoder: the published network number by number, and smaller ones of the same shape."""

import copy
import pickle
import re

import pytest
import torch
from monai_network import monai_network, relative_differences

from echocare_core.errors import SettingsError
from echocare_core.models import PROFILES, EncoderProfile, build_encoder

SMALL_PROFILES = ["tiny", "small", "base"]


@pytest.fixture(scope="module")
def released():
    return build_encoder("released")


def test_the_released_profile_has_the_published_number_of_parameters(released):
    assert sum(parameter.numel() for parameter in released.parameters()) / 1e6 == pytest.approx(120.2, abs=0.05)


def test_the_released_profile_has_the_published_number_of_tensors(released):
    assert len(released.state_dict()) == 358


def test_the_released_profile_is_built_from_the_published_numbers(released):
    published = monai_network(EncoderProfile(128, (2, 2, 18, 2), (4, 8, 16, 32), patch_size=2, window_size=8))
    shapes = {name: tensor.shape for name, tensor in published.state_dict().items()}
    assert {name: tensor.shape for name, tensor in released.state_dict().items()} == shapes


def test_the_released_maps_have_the_published_strides_and_channels(released):
    with torch.no_grad():
        maps = released(torch.rand(1, 3, 64, 64))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 2, 2),
    ]


@pytest.mark.parametrize("name", SMALL_PROFILES)
def test_maps_have_the_strides_and_channels_of_the_profile(name):
    profile = PROFILES[name]
    with torch.no_grad():
        maps = build_encoder(name)(torch.rand(2, 3, 128, 192))
    shapes = zip(profile.channels, profile.strides, strict=True)
    assert [one.shape for one in maps] == [(2, channels, 128 // step, 192 // step) for channels, step in shapes]


def test_every_map_is_normalised_over_its_channels():
    with torch.no_grad():
        maps = build_encoder("tiny")(torch.rand(1, 3, 128, 128))
    for one in maps:
        assert one.mean(dim=1).abs().max() < 1e-5
        assert one.var(dim=1, unbiased=False).amax() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("name", SMALL_PROFILES)
@pytest.mark.parametrize(("vertical", "horizontal"), [("top", "right"), ("bottom", "left")])
def test_a_mark_in_one_corner_is_felt_in_that_corner(name, vertical, horizontal):
    rows = slice(0, 32) if vertical == "top" else slice(-32, None)
    columns = slice(0, 32) if horizontal == "left" else slice(-32, None)
    plain = torch.full((1, 3, 256, 256), 0.2)
    marked = plain.clone()
    marked[..., rows, columns] = 1.0
    encoder = build_encoder(name).eval()
    with torch.no_grad():
        pairs = list(zip(encoder(plain), encoder(marked), strict=True))
    for before, after in pairs[:3]:
        assert strongest_quarter((after - before).abs().sum(dim=1)[0]) == (vertical, horizontal)


def strongest_quarter(response):
    row, column = divmod(int(response.argmax()), response.shape[1])
    return "top" if row < response.shape[0] / 2 else "bottom", "left" if column < response.shape[1] / 2 else "right"


def test_own_numbers_make_an_encoder():
    profile = EncoderProfile(embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), patch_size=4, window_size=4)
    with torch.no_grad():
        maps = build_encoder(profile)(torch.rand(1, 3, 64, 64))
    assert [one.shape[1] for one in maps] == [8, 16, 32, 64, 128]


def test_the_encoder_carries_its_profile_and_a_mask_token_outside_its_state():
    encoder = build_encoder("small")
    assert encoder.profile == PROFILES["small"]
    assert encoder.mask_token.shape == (1, 24, 1, 1)
    assert "mask_token" not in encoder.state_dict()


# What MONAI's own network gives, ours gives.

# Stages of three blocks end on plain windows, of two on shifted ones; windows of 4 tokens make padding and shrunken
# windows common.
ODD = EncoderProfile(8, depths=(1, 2, 3, 2), num_heads=(1, 2, 2, 4), patch_size=2, window_size=4)
SIZES = [(256, 256), (250, 333), (64, 64), (512, 384), (35, 61), (130, 32)]


def pair(profile, dtype=torch.float32):
    theirs = monai_network(profile).to(dtype)
    ours = build_encoder(profile).eval().to(dtype)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("profile", [ODD, PROFILES["tiny"], PROFILES["small"]], ids=["odd", "tiny", "small"])
def test_the_maps_are_those_of_monais_network_at_any_size(profile, size):
    if min(size) < profile.patch_size * profile.window_size:
        size = tuple(max(side, profile.patch_size * profile.window_size) for side in size)
    ours, theirs = pair(profile)
    image = torch.rand(1, 3, *size)
    with torch.no_grad():
        assert max(relative_differences(ours(image), theirs(image))) <= 1e-5


@pytest.mark.parametrize("size", [(64, 64), (83, 120)])
def test_the_released_maps_are_those_of_monais_network(size):
    ours, theirs = pair(PROFILES["released"])
    image = torch.rand(2, 3, *size)
    with torch.no_grad():
        assert max(relative_differences(ours(image), theirs(image))) <= 1e-5


@pytest.mark.parametrize("size", [(64, 64), (35, 61), (16, 40)])
def test_in_double_precision_the_maps_and_all_gradients_agree_to_rounding(size):
    ours, theirs = pair(ODD, torch.float64)
    images = [torch.rand(3, 3, *size, dtype=torch.float64)] * 2
    images = [image.clone().requires_grad_() for image in images]
    maps = [network(image) for network, image in zip((ours, theirs), images, strict=True)]
    assert max(relative_differences(*maps)) < 1e-10
    weights = [torch.randn_like(one.detach()) for one in maps[1]]
    for outcome in maps:
        sum((one * weight).sum() for one, weight in zip(outcome, weights, strict=True)).backward()
    theirs_by_name = dict(theirs.named_parameters())
    pairs = [(one.grad, theirs_by_name[name].grad) for name, one in ours.named_parameters()]
    assert len(pairs) == len(theirs_by_name)
    for one, other in [*pairs, (images[0].grad, images[1].grad)]:
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9 * float(other.abs().max()))


@pytest.mark.parametrize("profile", [ODD, PROFILES["tiny"]], ids=["odd", "tiny"])
def test_the_gradients_are_those_of_monais_network(profile):
    ours, theirs = pair(profile)
    image = torch.rand(2, 3, 100, 72)
    weights = [torch.randn_like(one) for one in theirs(image)]
    for network in (ours.train(), theirs.train()):
        sum((one * weight).mean() for one, weight in zip(network(image), weights, strict=True)).backward()
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert (parameter.grad - theirs_by_name[name].grad).norm() <= 1e-4 * theirs_by_name[name].grad.norm(), name


def test_bfloat16_is_no_further_from_float32_than_monais_network_is():
    ours, theirs = pair(PROFILES["small"])
    image = torch.rand(4, 3, 128, 160)
    with torch.no_grad():
        exact = theirs(image)
        with torch.autocast("cpu", torch.bfloat16):
            maps, reference = ours(image), theirs(image)
    assert {one.dtype for one in maps} == {torch.bfloat16}
    assert sum(relative_differences(maps, exact)) <= 1.05 * sum(relative_differences(reference, exact))


def test_gradients_in_bfloat16_are_as_near_to_float32_as_those_of_monais_network():
    image = torch.rand(2, 3, 96, 96)

    def gradient(network, precision):
        network.zero_grad()
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            maps = network(image)
        sum((one.float() ** 3).mean() for one in maps).backward()
        assert {parameter.grad.dtype for parameter in network.parameters()} == {torch.float32}
        return torch.cat([parameter.grad.flatten() for _, parameter in sorted(network.named_parameters())])

    ours, theirs = pair(PROFILES["tiny"])
    exact = gradient(theirs, torch.float32)
    errors = [(gradient(network, torch.bfloat16) - exact).norm() / exact.norm() for network in (ours, theirs)]
    assert errors[0] <= 1.1 * errors[1]


# What holds whatever the numbers.


def maps_of(encoder, image):
    with torch.no_grad():
        return encoder(image)


def test_an_image_is_encoded_the_same_alone_and_in_a_batch():
    encoder = build_encoder(ODD).eval()
    batch = torch.rand(3, 3, 75, 50)
    alone = [maps_of(encoder, batch[i : i + 1]) for i in range(3)]
    for together, *ones in zip(maps_of(encoder, batch), *alone, strict=True):
        torch.testing.assert_close(together, torch.cat(ones), rtol=1e-4, atol=1e-5)


def test_the_maps_are_the_same_with_and_without_gradients():
    encoder = build_encoder("tiny").eval()
    image = torch.rand(2, 3, 150, 200)
    with torch.inference_mode():
        inference = encoder(image)
    assert max(relative_differences(maps_of(encoder, image), inference)) == 0
    assert max(relative_differences([one.detach() for one in encoder(image)], inference)) <= 1e-5


def test_the_image_and_the_maps_are_left_alone_by_the_next_call():
    encoder = build_encoder("tiny").eval()
    image = torch.rand(1, 3, 64, 64)
    before, first = image.clone(), maps_of(encoder, image)
    kept = [one.clone() for one in first]
    maps_of(encoder, 1 - image)
    assert torch.equal(image, before)
    assert all(torch.equal(one, other) for one, other in zip(first, kept, strict=True))


def test_a_frozen_encoder_gives_maps_without_gradients():
    encoder = build_encoder("tiny").requires_grad_(False)
    assert not any(one.requires_grad for one in encoder(torch.rand(1, 3, 64, 64)))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_changed_weights_are_seen_at_once(precision):
    encoder = build_encoder("tiny").eval()
    other = build_encoder("tiny").eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        maps_of(encoder, image)
        optimizer = torch.optim.SGD(encoder.parameters(), lr=1e-3)
        sum(one.float().square().mean() + one.float().mean() for one in encoder(image)).backward()
        optimizer.step()
        fresh = copy.deepcopy(encoder)
        assert max(relative_differences(maps_of(encoder, image), maps_of(fresh, image))) == 0
        encoder.load_state_dict(other.state_dict())
        assert max(relative_differences(maps_of(encoder, image), maps_of(other, image))) == 0


def test_weights_that_a_wrapper_holds_elsewhere_are_trained():
    replica = build_encoder("tiny")
    for module in list(replica.modules()):  # as torch.nn.DataParallel leaves its replicas
        held, module._parameters = module._parameters, {}
        for name, weight in held.items():
            object.__setattr__(module, name, weight)
    assert list(replica.parameters()) == []
    assert all(one.requires_grad for one in replica(torch.rand(1, 3, 64, 64)))


def test_a_block_that_is_compiled_alone_gives_the_same_maps():
    encoder = build_encoder(ODD).eval()
    image = torch.rand(2, 3, 75, 50)
    wanted = maps_of(encoder, image)
    for block in encoder.layers3[0].blocks:
        block.compile(backend="eager")
    assert max(relative_differences(maps_of(encoder, image), wanted)) <= 1e-5


def test_hooks_of_every_linear_layer_are_called():
    encoder, called = build_encoder(ODD), set()
    for name, layer in encoder.named_modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda *_, name=name: called.add(name))
    encoder(torch.rand(1, 3, 64, 64))
    assert called == {name for name, layer in encoder.named_modules() if isinstance(layer, torch.nn.Linear)}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_smallest_image_is_encoded(precision):
    encoder = build_encoder("tiny").eval()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        maps = maps_of(encoder, torch.rand(1, 3, 32, 32))
    assert [tuple(one.shape[2:]) for one in maps] == [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)]


def test_an_encoder_survives_copying_and_pickling_after_use():
    encoder = build_encoder("tiny").eval()
    image = torch.rand(1, 3, 64, 64)
    maps = maps_of(encoder, image)
    for twin in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert max(relative_differences(maps_of(twin, image), maps)) == 0


def test_activation_checkpointing_changes_no_gradient():
    encoder = build_encoder(ODD, activation_checkpointing=True)
    image, gradients = torch.rand(2, 3, 75, 50), []
    for wanted in (True, False):
        encoder.activation_checkpointing = wanted
        encoder.zero_grad()
        sum(one.square().mean() + one[:, 0].mean() for one in encoder(image)).backward()
        gradients.append([parameter.grad for parameter in encoder.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_maps_have_their_channels_last_in_memory():
    maps = maps_of(build_encoder("tiny"), torch.rand(2, 3, 128, 128))
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in maps)


@pytest.mark.parametrize("how", ["trace", "compile"])
def test_a_recorded_encoder_gives_the_same_maps(how):
    encoder = build_encoder(ODD).eval()
    image = torch.rand(2, 3, 75, 50)
    with torch.no_grad():
        if how == "trace":
            recorded = torch.jit.trace(encoder, image, check_trace=False)
        else:
            recorded = torch.compile(encoder, backend="eager")
        assert max(relative_differences(recorded(image), encoder(image))) <= 1e-5


# Bad input.


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (3, 64, 64), (2, 4, 64, 64), (1, 64, 64, 3)])
def test_an_image_of_another_shape_is_refused_with_the_shape_needed(shape):
    found = re.escape(str(shape))
    with pytest.raises(SettingsError, match=rf"shape {found}.*needed floats \(batch, 3, height, width\)"):
        build_encoder("tiny")(torch.rand(shape))


def test_an_image_of_whole_numbers_is_refused():
    with pytest.raises(SettingsError, match=r"torch.uint8; needed floats .* in \[0, 1\]"):
        build_encoder("tiny")(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))


@pytest.mark.parametrize(("size", "least"), [((31, 64), "32x32"), ((64, 31), "32x32"), ((8, 8), "32x32")])
def test_an_image_smaller_than_a_window_is_refused_with_the_size_needed(size, least):
    with pytest.raises(SettingsError, match=f"Image of {size[0]}x{size[1]} px; needed at least {least} px"):
        build_encoder("tiny")(torch.rand(1, 3, *size))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused_and_counted(value):
    image = torch.rand(2, 3, 64, 64)
    image[1, 2, 3, 4:7] = value
    with pytest.raises(SettingsError, match=r"shape \(2, 3, 64, 64\) with 3 values that are not finite"):
        build_encoder("tiny")(image)


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'huge'; needed one of released, base, small, tiny"):
        build_encoder("huge")


def masked_encoder():
    """A small encoder with a learned mask token, an image for it, and hidden patches of 16 px."""
    encoder = build_encoder("tiny").eval()
    encoder.learn_mask_token()
    masked = torch.rand(2, 8, 8) < 0.5
    return (
        encoder,
        torch.rand(2, 3, 128, 128),
        masked,
        masked.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, None],
    )


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_hidden_patches_do_not_change_the_encoding(precision):
    encoder, image, masked, hidden = masked_encoder()
    other = torch.where(hidden, torch.rand_like(image), image)
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision == torch.bfloat16):
        for first, second in zip(encoder(image, masked), encoder(other, masked), strict=True):
            assert torch.equal(first, second)


def test_visible_patches_do_change_the_encoding():
    encoder, image, masked, hidden = masked_encoder()
    other = torch.where(hidden, image, torch.rand_like(image))
    with torch.no_grad():
        assert not torch.allclose(encoder(image, masked)[-1], encoder(other, masked)[-1], atol=1e-3)


def test_the_mask_token_stands_where_patches_are_hidden_and_nowhere_else():
    encoder, image, masked, _ = masked_encoder()
    token = torch.nn.functional.layer_norm(encoder.mask_token.flatten(), encoder.mask_token.shape[1:2])
    hidden = masked.repeat_interleave(4, 1).repeat_interleave(4, 2)
    with torch.no_grad():
        first, plain = encoder(image, masked)[0], encoder(image)[0]
    assert torch.allclose(first.permute(0, 2, 3, 1)[hidden], token.detach(), atol=1e-5)
    assert torch.equal(first.permute(0, 2, 3, 1)[~hidden], plain.permute(0, 2, 3, 1)[~hidden])


def test_hiding_nothing_changes_nothing():
    encoder, image, masked, _ = masked_encoder()
    with torch.no_grad():
        maps = zip(encoder(image, torch.zeros_like(masked)), encoder(image), strict=True)
        assert all(torch.equal(first, second) for first, second in maps)


def test_a_coarse_grid_hides_what_the_same_grid_in_finer_patches_hides():
    encoder, image, masked, _ = masked_encoder()
    finer = masked.repeat_interleave(2, 1).repeat_interleave(2, 2)
    with torch.no_grad():
        assert torch.equal(encoder(image, masked)[-1], encoder(image, finer)[-1])


def test_a_learned_mask_token_is_a_random_parameter_that_is_saved():
    encoder, *_ = masked_encoder()
    assert isinstance(encoder.mask_token, torch.nn.Parameter)
    assert encoder.mask_token.shape == (1, 16, 1, 1)
    assert encoder.mask_token.detach().std() > 0.001
    assert "mask_token" in encoder.state_dict()


def test_a_mask_token_that_was_loaded_is_kept():
    encoder = build_encoder("tiny")
    encoder.mask_token += 3
    encoder.learn_mask_token()
    assert torch.equal(encoder.mask_token, torch.full((1, 16, 1, 1), 3.0))


def test_the_mask_token_learns_from_hidden_patches():
    encoder, image, masked, _ = masked_encoder()
    encoder(image, masked)[-1][:, 0].sum().backward()
    assert encoder.mask_token.grad.any()


@pytest.mark.parametrize(
    "masked",
    [
        torch.zeros(2, 8, 8),
        torch.zeros(1, 8, 8, dtype=torch.bool),
        torch.zeros(2, 8, 5, dtype=torch.bool),
        torch.zeros(2, 64, 64, dtype=torch.bool),
    ],
    ids=["numbers", "another batch", "no whole divisor", "finer than the first map"],
)
def test_hidden_patches_that_do_not_fit_are_refused_with_what_is_needed(masked):
    shape = re.escape(str(tuple(masked.shape)))
    needed = "needed bool .* a batch of 2, whole divisors of the 32x32"
    with pytest.raises(SettingsError, match=rf"{shape}, {masked.dtype}; {needed}"):
        build_encoder("tiny")(torch.rand(2, 3, 128, 128), masked)
