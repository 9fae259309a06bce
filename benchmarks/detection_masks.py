"""Boxes around the masks of the bundles for segmentation, scored as those of `organ_detection`, on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from echocare_core.bundle import find_bundle
from echocare_core.finetuning.configured import EVALUATION, open_workflow
from echocare_core.outputs import only_output
from echocare_core.results.overlay.mask import without_specks
from echocare_core.tasks.detection import Drawing, score_boxes, summarise_boxes
from echocare_core.types import Boxes, Mask

BUNDLES = {  # that draws what the masks of the sets show, by the same numbers
    "aul_liver": "liver_mass_segmentation",
    "hc18": "fetal_head_segmentation",
    "ccaui_carotid": "carotid_lumen_segmentation",
    "bus_bra": "breast_lesion_segmentation",
    "busi": "breast_lesion_segmentation",
    "breast_usg": "breast_lesion_segmentation",
}
SURE = 1.0  # a mask does not say how sure each of its parts is


def scored_masks(work: Path, split: str, drawing: Drawing) -> pd.DataFrame:
    """Rows of `score_boxes`, with `group` and `set`, of the images of WORK/table.csv in a split."""
    table = pd.read_csv(work / "table.csv", dtype=str, keep_default_na=False)
    scored = []
    for bundle, rows in table.groupby(table["set"].map(BUNDLES)):
        folder = work / "masks" / str(bundle)
        folder.mkdir(parents=True, exist_ok=True)
        rows.to_csv(folder / "table.csv", index=False)
        places = {"dataset_dir": str(folder), "split": split, "output_dir": str(folder / split)}
        settings = {**places, "device": "cpu", "recogniser": None, "overwrite": True}
        workflow = open_workflow(find_bundle(str(bundle)), EVALUATION, settings, prepare=False)
        workflow.parser["dataset#columns"] = [drawing.column]
        workflow.parser["score"] = partial(score_mask, drawing=drawing)
        workflow.parser["handlers#1#summarise"] = partial(summarise_boxes, classes=drawing.classes)
        del workflow.parser["handlers"][2]  # the page
        workflow.initialize()
        workflow.run()
        scored.append(pd.DataFrame(workflow.parser.get_parsed_content("handlers")[1].rows))
    rows = pd.concat(scored, ignore_index=True)
    return rows.assign(set=rows["group"].str.split(" ").str[0])


def score_mask(item: Mapping[str, Any], *, drawing: Drawing) -> dict[str, Any]:
    """As `score_boxes`, of the boxes around the parts of a mask, without its specks."""
    mask = only_output(item["outputs"], Mask, "The boxes")
    kept = np.zeros_like(mask.values)
    for value in mask.labels:
        kept[without_specks(mask.values == value, mask.smallest_share)] = value
    found = list(drawing.boxes(kept, drawing.structures(item)))
    corners = np.array([box for _, box in found], float).reshape(-1, 4)
    numbers = [drawing.classes.index(name) for name, _ in found]
    boxes = Boxes(corners, tuple(name for name, _ in found), (SURE,) * len(found), tuple(drawing.classes))
    candidates = np.column_stack([corners, np.full(len(found), SURE), numbers])
    return score_boxes({**item, "outputs": (boxes,), "pred": candidates}, drawing=drawing)
