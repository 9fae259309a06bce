"""The precision that is fastest is read off the processor."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from echocare_core.errors import SettingsError
from echocare_core.models import precision
from echocare_core.models.precision import (
    InPrecision,
    chosen_precision,
    explain_precision,
    fastest_precision,
    float32_products,
)


@pytest.mark.parametrize(
    ("flags", "fastest"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile", "bfloat16"),
        ("flags\t\t: fpu amx_bf16", "bfloat16"),
        ("flags\t\t: fpu avx512_bf16", "float32"),
        ("flags\t\t: fpu avx2 avx512f", "float32"),
        ("bugs\t\t: amx_bf16", "float32"),
    ],
)
def test_a_processor_with_amx_uses_bfloat16_and_no_other(flags, fastest, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    monkeypatch.setattr(precision, "CPU_INFO", str(tmp_path / "cpuinfo"))
    assert fastest_precision("cpu") == fastest


def test_without_a_list_of_features_it_is_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "CPU_INFO", str(tmp_path / "absent"))
    assert fastest_precision("cpu") == "float32"


@pytest.mark.parametrize(("capability", "fastest"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float32")])
def test_a_graphics_card_that_multiplies_bfloat16_uses_it(capability, fastest, monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: capability)
    assert fastest_precision("cuda:0") == fastest


@pytest.mark.parametrize(
    ("setting", "flags", "said"),
    [
        ("auto", "avx512_bf16 amx_bf16", "precision auto is bfloat16 on cpu: this processor has AMX"),
        ("auto", "avx512_bf16", "precision auto is float32 on cpu: this processor has AVX512-BF16 and no AMX, so"),
        ("auto", "avx2", "precision auto is float32 on cpu: this processor does not multiply bfloat16"),
        ("bfloat16", "avx2", "precision bfloat16 is bfloat16 on cpu: as it was set"),
    ],
)
def test_the_log_says_what_was_chosen_and_why(setting, flags, said, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "CPU_INFO", str(tmp_path / "cpuinfo"))
    assert explain_precision(setting, "cpu").startswith(said)


def test_only_gpus_compute_in_tf32():
    assert chosen_precision("tf32", "cuda") == "tf32"
    with pytest.raises(SettingsError, match="Only GPUs compute in tf32, and the device is cpu; set precision to float"):
        chosen_precision("tf32", "cpu")


def settings_of_cuda():
    return [place.fp32_precision for place in (torch.backends.cuda.matmul, torch.backends.cudnn.conv)]


@pytest.mark.parametrize(("setting", "products"), [("float32", "ieee"), ("bfloat16", "ieee"), ("tf32", "tf32")])
def test_float32_on_a_gpu_is_float32_unless_tf32_was_asked_for(setting, products):
    before = settings_of_cuda()
    with float32_products(setting, "cuda:0"), torch.backends.cudnn.flags():  # which others ask meanwhile
        pass
    with float32_products(setting, "cuda:0"):
        assert settings_of_cuda() == [products, products]
    assert settings_of_cuda() == before


def test_a_process_that_mixes_the_settings_gets_them_back():
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # and the older setting still says tf32
    try:
        with float32_products("tf32", "cuda"):
            assert settings_of_cuda() == ["tf32", "tf32"]
        assert settings_of_cuda()[1] == "ieee"
    finally:
        torch.backends.cudnn.allow_tf32 = True


def test_an_error_leaves_the_settings_of_the_process_as_they_were():
    before = settings_of_cuda()
    with pytest.raises(KeyError), float32_products("float32", "cuda"):
        raise KeyError
    assert settings_of_cuda() == before


def test_a_network_for_the_cpu_changes_no_setting():
    class Seen(nn.Module):
        def forward(self, image):
            self.settings = settings_of_cuda()
            return image.to(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else image.dtype)

    seen = Seen()
    image = InPrecision(seen, "bfloat16")(torch.tensor([1 + 2**-12]))
    assert image.dtype == torch.float32
    assert image.item() == 1.0
    assert seen.settings == settings_of_cuda()
