"""The volume of a ventricle is read from the picture beside its outline, and neither disturbs the other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import Dataset, MetaTensor
from monai.transforms import Compose
from small_network import SMALLEST

from echocare_core.errors import TrainingError
from echocare_core.frames.reduced import reduced_frames
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.saving import save_state
from echocare_core.models.weight_file import read_state_dict
from echocare_core.tasks.segmentation import SegmentationNetwork
from echocare_core.tasks.volume_regression import (
    VentricleInferer,
    VentricleNetwork,
    VentricleOutputd,
    VentricleVolumeNetwork,
    fit_volume,
)
from echocare_core.training.smoothing import SmoothingInferer
from echocare_core.transforms import LoadUltrasoundd, PrepareScand
from echocare_core.types import Frames, Mask, Measurement, Region

NETWORK: dict[str, Any] = {"labels": 2, "encoder": SMALLEST, "width": 8, "width_limit": 8}
HEAD = {"volume_maps": 3, "volume_width": 16}
PICTURE = torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


def network(kind: type[VentricleNetwork] = VentricleNetwork) -> VentricleNetwork:
    """With the same random weights, for training or for inference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return kind(**HEAD, **NETWORK).eval()


def answered(net: torch.nn.Module, pictures: torch.Tensor = PICTURE) -> torch.Tensor:
    with torch.no_grad():
        return net(pictures)


def test_training_and_inference_outline_alike() -> None:
    torch.testing.assert_close(answered(network(VentricleVolumeNetwork))[:, :-1], answered(network()))


def test_its_outline_is_that_of_a_segmentation_network() -> None:
    ours, plain = network(), SegmentationNetwork(**NETWORK).eval()
    plain.load_state_dict({name: one for name, one in ours.state_dict().items() if not name.startswith("volume.")})

    torch.testing.assert_close(answered(ours), answered(plain))


def test_the_last_channel_is_one_number_for_each_picture() -> None:
    plane = answered(network(VentricleVolumeNetwork))[:, -1]

    torch.testing.assert_close(plane, plane[:, :1, :1].expand(-1, 64, 128))
    assert plane[0, 0, 0] != plane[1, 0, 0]


def test_a_training_of_outlines_leaves_the_volume_as_it_is() -> None:
    learning = {name.partition(".")[0] for name, one in network().named_parameters() if one.requires_grad}

    assert learning == {"encoder", "decoder", "classify"}


def ellipses(numbers: range) -> list[dict[str, Any]]:
    """Items of pictures with a dark ellipse, and its mask; three of a patient, of whom one has twice the scale."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    items = []
    for number in numbers:
        radius = 7 + 0.9 * (7 * number % 20)
        inside = (rows / radius) ** 2 + (columns / (0.6 * radius)) ** 2 <= 1
        picture = np.where(inside, 0.1, 0.8)[None].repeat(3, axis=0).astype(np.float32)
        items.append(
            {
                "image": torch.from_numpy(picture),
                "label": torch.from_numpy(inside[None].astype(np.float32)),
                "group": f"patient {number // 3}",
            }
        )
    return items


def test_frames_that_are_smoothed_give_the_mean_of_their_volumes_and_of_their_probabilities() -> None:
    before, frame, after = (
        torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)
    )
    net, around = network(VentricleVolumeNetwork), torch.stack([before[0], after[0]])[None]
    with torch.no_grad():
        found = SmoothingInferer(VentricleInferer())(frame, net, neighbours=around)[0]
    alone = torch.cat([answered(net, one) for one in (before, frame, after)])

    torch.testing.assert_close(found[-1], alone[:, -1].mean(dim=0))
    torch.testing.assert_close(found[:-1].softmax(dim=0), alone[:, :-1].softmax(dim=1).mean(dim=0))


FITTING: dict[str, Any] = {
    "label": 1, "method": "area_length", "epochs": 60, "batch_size": 8, "learning_rate": 0.02, "seed": 1,
}  # fmt: skip


def fitted(folder: Path, known: list[dict[str, Any]], held_out: list[dict[str, Any]]) -> tuple[Any, Any]:
    """Weights before and after."""
    path, net = folder / "best.pt", network()
    save_state(name_bundle(net.state_dict(), {"name": "hearts", "version": "1"}), path)
    before = read_state_dict(path)
    fit_volume(path, network=network(), known=Dataset(known), held_out=Dataset(held_out), **FITTING)
    return before, read_state_dict(path)


def test_volumes_of_pictures_it_has_not_seen_are_learned(tmp_path: Path) -> None:
    others = ellipses(range(18, 27))
    _, after = fitted(tmp_path, ellipses(range(18)), others)
    net = network(VentricleVolumeNetwork)
    net.load_state_dict(after)
    found = answered(net, torch.stack([one["image"] for one in others]))[:, -1, 0, 0]
    true = torch.tensor(
        [math.log(math.pi / 6 * 2 * r * (1.2 * r) ** 2) for n in range(18, 27) for r in [7 + 0.9 * (7 * n % 20)]]
    )

    assert (found - true).abs().mean() < 0.5 * (true - true.mean()).abs().mean()


def test_only_the_volume_is_fitted_and_the_weights_keep_their_name(tmp_path: Path) -> None:
    before, after = fitted(tmp_path, ellipses(range(6)), ellipses(range(6, 9)))
    changed = {name.partition(".")[0] for name, one in after.items() if not torch.equal(one, before[name])}

    assert changed == {"volume"}
    assert bundle_of(after) == {"name": "hearts", "version": "1"}


def test_a_picture_without_a_ventricle_teaches_no_volume(tmp_path: Path) -> None:
    known, held_out = ellipses(range(6)), ellipses(range(6, 9))
    empty = {**known[0], "label": torch.zeros(1, 64, 64)}
    both = [fitted(tmp_path, one, held_out)[1] for one in (known, [*known, empty])]

    assert all(torch.equal(one, both[1][name]) for name, one in both[0].items())


def test_pictures_without_a_patient_are_each_of_one_of_their_own(tmp_path: Path) -> None:
    empty, *known = ellipses(range(13))
    empty = {**empty, "label": torch.zeros(1, 64, 64)}
    own = [{**one, "group": str(number)} for number, one in enumerate([empty, *known])]
    nobody = [{name: value for name, value in one.items() if name != "group"} for one in own]
    both = [fitted(tmp_path, one, ellipses(range(18, 21)))[1] for one in (own, nobody)]

    assert all(torch.equal(one, both[1][name]) for name, one in both[0].items())


def test_one_ventricle_to_learn_from_is_enough(tmp_path: Path) -> None:
    before, after = fitted(tmp_path, ellipses(range(1)), ellipses(range(6, 7)))
    assert any(not torch.equal(one, before[name]) for name, one in after.items())


def test_a_training_without_ventricles_is_refused(tmp_path: Path) -> None:
    empty = [{**one, "label": torch.zeros(1, 64, 64)} for one in ellipses(range(1))]
    with pytest.raises(TrainingError, match="0 pictures with a left ventricle to learn its volume from, 3 held out"):
        fitted(tmp_path, empty, ellipses(range(6, 9)))
    with pytest.raises(TrainingError, match="6 pictures with a left ventricle to learn its volume from, 0 held out"):
        fitted(tmp_path, ellipses(range(6)), [{**ellipses(range(1))[0], "label": torch.zeros(1, 64, 64)}])


BOX = (10, 20, 80, 120)  # of the scan region: its long side, 100 px, becomes the 64 px of the network's input


def prepared(spacing_mm: tuple[float, float] | None, reduction: int = 1) -> tuple[dict[Any, Any], Compose]:
    size = (90, 130)
    frames = Frames(Path("IM1"), [np.full((*size, 3), 80, np.uint8)], size,
                    regions=(Region("tissue", BOX, spacing_mm),), spacing_mm=spacing_mm, scan_region=0)  # fmt: skip
    scan = PrepareScand("image", size=(64, 64), mode="bilinear", anti_aliasing=True, value_range=(0, 1))
    preprocessing = Compose([LoadUltrasoundd("image"), scan])
    return preprocessing({"image": reduced_frames(frames, size[0] * size[1] // reduction**2)}), preprocessing


def outputs_of(item: dict[Any, Any], preprocessing: Compose, volume_px3: float = 1000.0) -> tuple[Any, ...]:
    outline = torch.stack([torch.full((64, 64), -9.0), torch.full((64, 64), 9.0)])
    plane = torch.full((1, 64, 64), math.log(volume_px3))
    item["pred"] = MetaTensor(torch.cat([outline, plane]), meta=item["image"].meta)
    area = Measurement("area", 1.0, "mm2")
    settings = {"largest_part_only": True, "smallest_share": 0.0, "least_confidence": {}, "agreement_between": None}
    give = VentricleOutputd("pred", "image", preprocessing, ["ventricle"], lambda *_: (area,), **settings)
    return give(item)["outputs"]


@pytest.mark.parametrize("reduction", [1, 2])
@pytest.mark.parametrize(
    ("spacing_mm", "unit", "wanted"),
    [(None, "px3", 1000 * (100 / 64) ** 3), ((0.5, 0.5), "ml", (100 / 64) ** 3 * 0.5**3)],
)
def test_the_volume_is_that_in_the_recorded_frame(
    spacing_mm: tuple[float, float] | None, unit: str, wanted: float, reduction: int
) -> None:
    mask, area, volume = outputs_of(*prepared(spacing_mm, reduction))

    assert isinstance(mask, Mask)
    assert area.name == "area"
    assert volume.column == f"left_ventricle_volume_regression_{unit}"
    assert volume.value == pytest.approx(wanted, rel=0.04)


def test_the_channel_of_the_volume_is_no_label() -> None:
    """It is larger than any logit, and no pixel is given to it."""
    mask, *_ = outputs_of(*prepared(None), volume_px3=math.exp(50))

    assert mask.labels == {1: "ventricle"}
    assert set(np.unique(mask.values)) <= {0, 1}
