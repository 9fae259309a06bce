"""Weights are written whole, or a sentence says why the disk did not take them."""

import pytest
import torch

from echocare_core.errors import OutputError
from echocare_core.models import save_encoder
from echocare_core.models.saving import save_state

resource = pytest.importorskip("resource", reason="limits on the size of files are Unix")


@pytest.fixture
def small_files():
    """No file may be larger than 64 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_takes_no_more_is_a_sentence_and_leaves_the_former_file(tmp_path, small_files):
    path = tmp_path / "new" / "latest.pt"
    save_state({"weight": torch.zeros(3)}, path)

    with pytest.raises(OutputError, match=r"new cannot take the checkpoint \(File too large\); .* raise the limit"):
        save_state({"weight": torch.zeros(1 << 16), "bias": torch.zeros(1 << 16)}, path, "the checkpoint")

    assert torch.equal(torch.load(path, weights_only=True)["weight"], torch.zeros(3))
    assert [file.name for file in path.parent.iterdir()] == ["latest.pt"]


@pytest.mark.parametrize("name", ["encoder.pt", "encoder.safetensors"])
def test_an_encoder_that_does_not_fit_is_the_same_sentence(tmp_path, small_files, name):
    encoder = torch.nn.Linear(200, 200)
    encoder.mask_token = torch.nn.Parameter(torch.zeros(1))

    with pytest.raises(OutputError, match=r"cannot take the weights \(File too large\)"):
        save_encoder(encoder, tmp_path / name)

    assert list(tmp_path.iterdir()) == []
