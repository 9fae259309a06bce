"""bfloat16 inside, float32 outside; both mirror images where it counts."""

import torch
from monai.inferers import SimpleInferer

from echocare_core.training import BFloat16Inferer, MirrorInferer


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 1))


def test_the_network_computes_in_bfloat16():
    seen = []
    net = network()
    net.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    BFloat16Inferer()(torch.rand(1, 3, 16, 16), net)
    assert seen == [torch.bfloat16]


def test_the_result_is_a_plain_float32_tensor():
    result = BFloat16Inferer()(torch.rand(1, 3, 16, 16), network())
    assert (type(result), result.dtype) == (torch.Tensor, torch.float32)


def test_the_result_is_close_to_that_of_float32():
    net, image = network(), torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(BFloat16Inferer()(image, net), SimpleInferer()(image, net), atol=2e-2, rtol=2e-2)


def test_gradients_reach_the_weights_in_float32():
    net = network()
    BFloat16Inferer()(torch.rand(1, 3, 16, 16), net).sum().backward()
    assert {(parameter.grad.dtype, bool(parameter.grad.any())) for parameter in net.parameters()} == {
        (torch.float32, True)
    }


def test_autocast_ends_with_the_call():
    BFloat16Inferer()(torch.rand(1, 3, 16, 16), network())
    assert not torch.is_autocast_enabled("cpu")


def test_a_picture_and_its_mirror_image_get_mirrored_answers():
    net, image = network(), torch.rand(2, 3, 16, 24)
    straight, mirrored = MirrorInferer()(image, net), MirrorInferer()(image.flip(-1), net)
    torch.testing.assert_close(mirrored, straight.flip(-1))


def test_the_mirror_inferer_changes_nothing_where_the_network_is_symmetric():
    net, image = torch.nn.Conv2d(3, 2, 1), torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(MirrorInferer()(image, net), net(image))
