"""Frames of a study as MONAI Deploy hands them on, upright and in order, and through its own inference operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

pytest.importorskip("holoscan", reason="the MONAI Deploy App SDK is not installed: pip install 'echocare[deploy]'")

from monai.bundle import ckpt_export
from monai.deploy.core import Application, Image, Operator
from monai.deploy.core.io_type import IOType
from monai.deploy.operators.monai_bundle_inference_operator import IOMapping, MonaiBundleInferenceOperator

import echocare_core as echocare
from echocare_core.frames import read_export
from echocare_core.integrations.deploy import UltrasoundFramesOperator


class Keep(Operator):
    """Keeps every image that it is given."""

    def __init__(self, fragment: Application, port: str, kept: list[Image]) -> None:
        self.port, self.kept = port, kept
        super().__init__(fragment, name="keep")

    def setup(self, spec: Any) -> None:
        spec.input(self.port)

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        self.kept.append(op_input.receive(self.port))


def images_of(study: Path, more: Callable[[Application], Operator] | None = None) -> list[Image]:
    """What reaches the end of: frames of a study, then one more operator where there is one."""
    kept: list[Image] = []

    class Frames(Application):
        def compose(self) -> None:
            first = UltrasoundFramesOperator(self, input_folder=study, name="frames")
            if more is None:
                self.add_flow(first, Keep(self, "image", kept), {("image", "image")})
            else:
                inference = more(self)
                self.add_flow(first, inference, {("image", "image")})
                self.add_flow(inference, Keep(self, "pred", kept), {("pred", "pred")})

    Frames([]).run()
    return kept


def test_every_still_and_every_frame_of_a_cine_comes_upright_and_in_order(
    study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = images_of(study)
    recorded = [frames.pixels[number] for frames in read_export(study).files for number in range(len(frames))]

    assert [image.asnumpy().tolist() for image in images] == [np.asarray(pixels).tolist() for pixels in recorded]
    assert [(Path(one.metadata()["filename_or_obj"]).name, one.metadata()["frame"]) for one in images] == [
        ("IM1", 0),
        ("IM2", 0),
        ("IM2", 1),
        ("IM2", 2),
    ]
    assert images[0].metadata()["spacing_mm"] == pytest.approx((0.4, 0.4))
    assert "Set aside, readme.txt: readme.txt is not DICOM" in caplog.text


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "TorchScript"])
def test_the_inference_operator_of_the_sdk_finds_what_predict_finds(
    packed: bool, bundle: Path, study: Path, tmp_path: Path
) -> None:
    path = exported(bundle, tmp_path) if packed else bundle

    def inference(application: Application) -> Operator:
        ports = ([IOMapping(name, Image, IOType.IN_MEMORY)] for name in ("image", "pred"))
        mapping = dict(zip(("input_mapping", "output_mapping"), ports, strict=True))
        context = Application.init_app_context([""])
        return MonaiBundleInferenceOperator(
            application, app_context=context, bundle_path=path, **mapping, name="bundle"
        )

    masks = [image.asnumpy() for image in images_of(study, inference)]
    rows = list(echocare.predict(bundle, study, tmp_path / "out"))
    known = [np.asarray(PilImage.open(tmp_path / "out" / str(row["mask"]))) for row in rows if row["mask"]]

    assert [mask.shape for mask in masks] == [(120, 200)] * 4
    assert [int((mask != one).sum()) for mask, one in zip(masks, known, strict=True)] == [0] * 4


def exported(bundle: Path, tmp_path: Path) -> Path:
    """The bundle as one TorchScript file with its configuration, as `ckpt_export` makes it."""
    ckpt_export(
        "network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(bundle / "models" / "model.pt"),
        meta_file=str(bundle / "configs" / "metadata.json"),
        config_file=str(bundle / "configs" / "inference.json"),
        use_trace=True,
        bundle_root=str(bundle),
    )
    return tmp_path / "model.ts"
