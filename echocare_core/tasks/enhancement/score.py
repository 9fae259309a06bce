"""How near an enhanced picture is to the original it was degraded from, and what it says without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from monai.handlers import PeakSignalToNoiseRatio, from_engine
from monai.metrics import PSNRMetric, SSIMMetric
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from echocare_core.errors import TableError

WINDOW_PX, LIT = 7, 0.05  # of the speckle index: its windows, and the mean from which one shows echoes
Grey = NDArray[np.floating]


def build_psnr() -> PeakSignalToNoiseRatio:
    """The key metric of a validation: mean peak signal-to-noise ratio in dB of `pred` and `label`, both in [0, 1]."""
    return PeakSignalToNoiseRatio(max_val=1.0, output_transform=from_engine(["pred", "label"]))


def score_enhancement(item: Mapping[str, Any]) -> dict[str, float]:
    """Compare a degraded and an enhanced picture with the original, in the scan region; for `WriteEvaluation`.

    Args:
        item: with `pred`, `image` (with its meta) and `label`, the enhanced, the degraded and the original frame,
            float (3, height, width) in [0, 1].

    Returns:
        `psnr_db`, `ssim` and `speckle_index` of the enhanced picture, the same with `degraded_` of what it was made
        of, and `original_speckle_index`.

    Raises:
        TableError: the original has another size.
    """
    if item["label"].shape[-2:] != item["image"].shape[-2:]:
        (height, width), (rows, columns) = item["label"].shape[-2:], item["image"].shape[-2:]
        raise TableError(
            f"{item['image_in_table']} has {columns}x{rows} px and its original {width}x{height} px; needed the same."
        )
    top, left, bottom, right = (int(edge) for edge in item["image"].meta["scan_box"])
    enhanced, degraded, original = (
        convert_to_numpy(item[key]).mean(axis=0)[top:bottom, left:right] for key in ("pred", "image", "label")
    )
    scores = {**compare_pictures(enhanced, original), "speckle_index": speckle_index(enhanced)}
    before = {**compare_pictures(degraded, original), "speckle_index": speckle_index(degraded)}
    return {
        **scores,
        **{f"degraded_{name}": value for name, value in before.items()},
        "original_speckle_index": speckle_index(original),
    }


def compare_pictures(picture: Grey, original: Grey) -> dict[str, float]:
    """`psnr_db` and `ssim` (Wang et al., IEEE Trans Image Process 13:600, 2004) of two greys (height, width) in [0, 1].

    Two that are equal have the PSNR of half a grey level, as nothing that is stored in 8 bits is nearer.
    """
    one, other = (torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None] for grey in (picture, original))
    nearest = (0.5 / 255) ** 2
    if float(((one - other) ** 2).mean()) < nearest:
        psnr_db = float(-10 * np.log10(nearest))
    else:
        psnr_db = float(PSNRMetric(max_val=1.0)(one, other))
    return {"psnr_db": psnr_db, "ssim": float(SSIMMetric(spatial_dims=2, data_range=1.0)(one, other))}


def speckle_index(grey: Grey) -> float:
    """Mean of standard deviation over mean in small windows, of those that show echoes: how strong the grain is, known
    without an original (Crimmins, Appl Opt 24:1438, 1985, as in Loizou et al., IEEE Trans UFFC 52:1653, 2005).

    It falls where grain is smoothed and where detail is lost; what is best is that of the original, not the least.

    Args:
        grey: (height, width) in [0, 1].
    """
    mean = uniform_filter(grey.astype(np.float64), WINDOW_PX)
    variance = uniform_filter(grey.astype(np.float64) ** 2, WINDOW_PX) - mean**2
    lit = mean > LIT
    return float((np.sqrt(np.maximum(variance[lit], 0)) / mean[lit]).mean()) if lit.any() else 0.0
