"""Every bundle is evaluated on a labelled export: whatever it gives is found in a table, joined and scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_tables import disc_picture
from ultrasound_files import write_ultrasound

from echocare_core.assessment.evaluate import evaluate
from echocare_core.assessment.kinds.every import measured_columns
from echocare_core.assessment.results_folder import ResultsFolder, read_results
from echocare_core.prediction import predict


def write_export(folder: Path) -> Path:
    """Three stills of two patients by two devices."""
    folder.mkdir()
    for number in range(3):
        attributes = {"PatientID": f"P{number // 2}", "ManufacturerModelName": ("Alpha", "Beta")[number % 2]}
        pixels = disc_picture(number)[0][None]
        write_ultrasound(folder / f"IM{number}", pixels, spacing_mm=(0.5, 0.5), attributes=attributes)
    return folder


def label_as_predicted(made: ResultsFolder, path: Path) -> Path:
    """A table that says what the results say, drawn masks included."""
    rows = []
    for number, row in enumerate(made.rows[made.rows["level"] == "frame"].to_dict("records")):
        label = {"image": row["source"]}
        if row.get("mask"):
            values = np.asarray(Image.open(made.folder / row["mask"])).copy()
            values[:4, :4] = 1  # so that a mask is never empty
            Image.fromarray(values).save(path.with_name(f"mask_{number}.png"))
            label["mask"] = f"mask_{number}.png"
        label |= {name: row[name] for name in (*made.questions, *measured_columns(made)) if row[name]}
        rows.append(label)
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_a_bundle_is_evaluated_on_a_labelled_export(bundle: Path, tmp_path: Path) -> None:
    export, out = write_export(tmp_path / "export"), tmp_path / "out"
    predict(bundle, export, out / "results", settings={"device": "cpu"})
    labels = label_as_predicted(read_results(out / "results"), tmp_path / "labels.csv")

    found = evaluate(bundle, export, labels, out, progress=False)

    content = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert len(found.joined.cases) == 3
    assert found.scored, "none of its outputs is scored"
    for name, number in found.numbers.items():
        assert content[name]["images"] == number.images
        if name.endswith("_error"):
            assert number.estimate == pytest.approx(0, abs=1e-3)
        if name.startswith("dice_"):
            assert number.estimate > 0.5
        if name.endswith("_accuracy") and "All images are of one class" not in number.warning:
            assert number.estimate == 1
    assert (out / "evaluation.html").stat().st_size > 20_000
