"""A bundle and an export in, results out: the whole path on one screen."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echocare_core.bundle import find_bundle
from echocare_core.errors import BundleError, own_cause
from echocare_core.types import Results


def predict(
    bundle: str | Path,
    source: str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Results:
    """Run a bundle's inference configuration on an export.

    It is what `python -m monai.bundle run --config_file BUNDLE/configs/inference.json --dataset_dir SOURCE
    --output_dir OUT` does, with errors in one sentence.

    Args:
        bundle: name or folder of a bundle.
        source: a DICOM file, a DICOM export folder (any depth, any file names), or images.
        out: folder for the results; made if need be.
        overwrite: replace the results of an earlier run in `out`.
        settings: further entries of the configuration to replace, such as {"device": "cpu", "weights": "my/model.pt"}.

    Returns:
        What was written: `report.html`, `results.csv`, `set_aside.csv`, `overlays/` and `masks/` in `out`.

    Raises:
        BundleError: no such bundle, or a setting it does not have.
        WeightsError: its weights do not fit.
        UnreadableFrames: nothing in `source` could be read.
        OutputError: `out` cannot be written, or holds results already.
    """
    folder = find_bundle(bundle)
    reserved = sorted({"dataset_dir", "output_dir", "overwrite"} & set(settings or {}))
    if reserved:
        raise BundleError(f"{', '.join(reserved)} cannot be a setting; needed as argument of its own. Leave it out.")
    settings = {**(settings or {}), "dataset_dir": str(source), "output_dir": str(out), "overwrite": overwrite}
    workflow = load_inference(folder, settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # MONAI calls scikit-image by names that will change
            workflow.run()
    except Exception as error:  # MONAI wraps what goes wrong while it builds the parts of a configuration
        cause = own_cause(error)
        if cause is None or cause is error:
            raise
        raise cause from error
    return workflow.parser.get_parsed_content("evaluator").state.results


def load_inference(folder: Path, settings: Mapping[str, Any]) -> Any:
    """Open a bundle's inference configuration as a MONAI workflow.

    Args:
        folder: of the bundle.
        settings: entries to replace, by their path in the configuration.

    Raises:
        BundleError: an entry that the configuration does not have; MONAI itself would add it in silence.
    """
    logging.getLogger("ignite").setLevel(logging.CRITICAL)  # it repeats each error that is raised anyway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.bundle import ConfigWorkflow
    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)  # it warns that logging_file is False, as meant
    config_file = folder / "configs" / "inference.json"
    if not config_file.is_file():
        raise BundleError(f"{folder.name} has no configs/inference.json; needed one to predict. Restore the bundle.")
    workflow = ConfigWorkflow(
        config_file=str(config_file), workflow_type="infer", logging_file=False, bundle_root=str(folder)
    )
    unknown = [name for name in settings if name not in workflow.parser]
    if unknown:
        known = ", ".join(key for key in workflow.parser.config if key not in ("imports", "_meta_", "run"))
        raise BundleError(f"{folder.name} has no setting {', '.join(unknown)}; it has {known}.")
    workflow.parser.update(settings)
    workflow.initialize()
    return workflow
