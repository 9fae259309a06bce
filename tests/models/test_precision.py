"""The precision that is fastest is read off the processor."""

from __future__ import annotations

import pytest

from echocare_core.models import precision
from echocare_core.models.precision import fastest_precision


@pytest.mark.parametrize(
    ("flags", "fastest"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_tile", "bfloat16"),
        ("flags\t\t: fpu amx_bf16", "bfloat16"),
        ("flags\t\t: fpu avx2 avx512f", "float32"),
        ("bugs\t\t: amx_bf16", "float32"),
    ],
)
def test_a_processor_that_multiplies_bfloat16_uses_it(flags, fastest, tmp_path, monkeypatch):
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
