"""bfloat16 inside, float32 outside; both mirror images where it counts."""

import pytest
import torch
from monai.inferers import SimpleInferer

from echocare_core.errors import SettingsError
from echocare_core.models import precision
from echocare_core.training import FlipInferer, PrecisionInferer


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 1))


def test_the_network_computes_in_bfloat16():
    seen = []
    net = network()
    net.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    PrecisionInferer("bfloat16")(torch.rand(1, 3, 16, 16), net)
    assert seen == [torch.bfloat16]


def test_the_network_computes_in_float32_where_that_is_asked_for():
    net, image = network(), torch.rand(1, 3, 16, 16)
    assert torch.equal(PrecisionInferer("float32")(image, net), net(image))


def test_auto_is_the_fastest_precision_of_the_device(monkeypatch):
    net, image = network(), torch.rand(1, 3, 16, 16)
    monkeypatch.setattr(precision, "fastest_precision", lambda device: {"cpu": "float32"}[torch.device(device).type])
    assert torch.equal(PrecisionInferer("auto")(image, net), net(image))


def test_an_unknown_precision_is_refused():
    with pytest.raises(SettingsError, match="'half'; needed one of auto, float32, tf32, bfloat16"):
        PrecisionInferer("half")(torch.rand(1, 3, 16, 16), network())


def test_the_result_is_a_plain_float32_tensor():
    result = PrecisionInferer("bfloat16")(torch.rand(1, 3, 16, 16), network())
    assert (type(result), result.dtype) == (torch.Tensor, torch.float32)


def test_the_result_is_close_to_that_of_float32():
    net, image = network(), torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(
        PrecisionInferer("bfloat16")(image, net), SimpleInferer()(image, net), atol=2e-2, rtol=2e-2
    )


def test_gradients_reach_the_weights_in_float32():
    net = network()
    PrecisionInferer("bfloat16")(torch.rand(1, 3, 16, 16), net).sum().backward()
    assert {(parameter.grad.dtype, bool(parameter.grad.any())) for parameter in net.parameters()} == {
        (torch.float32, True)
    }


def test_autocast_ends_with_the_call():
    PrecisionInferer("bfloat16")(torch.rand(1, 3, 16, 16), network())
    assert not torch.is_autocast_enabled("cpu")


def test_a_picture_and_its_mirror_image_get_mirrored_answers():
    net, image = network(), torch.rand(2, 3, 16, 24)
    straight, mirrored = FlipInferer()(image, net), FlipInferer()(image.flip(-1), net)
    torch.testing.assert_close(mirrored, straight.flip(-1))


def test_the_flip_inferer_changes_nothing_where_the_network_is_symmetric():
    net, image = torch.nn.Conv2d(3, 2, 1), torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(FlipInferer()(image, net), net(image))


def test_classes_of_a_picture_and_of_its_mirror_image_are_averaged_and_keep_their_order():
    image = torch.rand(2, 3, 16, 24)
    left_half = lambda picture: torch.stack([picture[..., :12].mean((1, 2, 3)), torch.zeros(len(picture))], 1)  # noqa: E731
    found = FlipInferer()(image, left_half)
    torch.testing.assert_close(found[:, 0], image.mean((1, 2, 3)))
    torch.testing.assert_close(found[:, 1], torch.zeros(2))
