"""A bundle and an export in, results out: the whole path on one screen."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from echocare_core.bundle import find_bundle, read_json
from echocare_core.errors import BundleError, EngineError, OutputError, UnreadableFrames
from echocare_core.frames.export import Export
from echocare_core.frames.inputs import Given, every_path
from echocare_core.results.allowed import check_free
from echocare_core.results.apart import check_apart
from echocare_core.results.staging import settle
from echocare_core.types import Results
from echocare_core.workflow import load_inference, own_errors

FRAMES_TO_MEASURE = 128  # for int8
NETWORK = "network"  # its entry in the configuration of a bundle
OF_THE_COMMAND = ("engine", "dicom")  # settings that the command may add by itself


def predict(
    bundle: str | Path,
    source: Given | Export,
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
        source: a DICOM file, a DICOM export folder (any depth, any file names), or images; several of them, or patterns
            such as `C/*.dcm`; or a table of images; or an export that was opened before, or a part of one
            (`Export.only`).
        out: folder for the results; made if need be.
        overwrite: replace the results of an earlier run in `out`.
        settings: further entries of the configuration to replace, such as {"device": "cpu", "weights": "my/model.pt"};
            {"dicom": True} writes DICOM objects too. They and the paths reach it as they stand: a text is never run as
            an expression of MONAI's.

    Returns:
        What was written in `out`: `report.html`, `results.csv`, `set_aside.csv`, and what the kinds of output add
        (`echocare_core.result_files`), such as `masks/` and `boxes.csv`.

    Raises:
        BundleError: no such bundle, or a setting it does not have.
        WeightsError: its weights do not fit.
        EngineError: the engine it names is not installed, or not for this device.
        SettingsError: an engine, a precision or a device that there is not, or settings that it cannot run with.
        UnreadableFrames: nothing in `source` could be read.
        OutputError: `out` cannot be written, holds results already, is the folder `source` itself, or holds it.
    """
    folder = find_bundle(bundle)
    every = _with_places(settings or {}, source, out, overwrite)
    workflow = load_inference(folder, every)
    if isinstance(source, Export):
        workflow.parser.ref_resolver.resolved_content["dataset_dir"] = source
    return _run(workflow, folder, settings or {})


class LoadedBundle:
    """A bundle whose network is loaded once and runs on one export after the other, with the results of `predict`.

    All but the network is built anew for each export, from the bundle's configuration, as `predict` does.

    Attributes:
        folder: of the bundle.
        network: what `load_engine` gave.
    """

    def __init__(self, bundle: str | Path, settings: Mapping[str, Any] | None = None) -> None:
        """Load the network.

        Args:
            bundle: name or folder of a bundle.
            settings: as for `predict`.

        Raises:
            EchoCareError: as `predict` for all that has to do with the bundle and its settings.
        """
        self.folder, self._settings = find_bundle(bundle), dict(settings or {})
        _check_settings(self._settings)
        with own_errors(_given(self._settings)):
            self.network = load_inference(self.folder, self._settings).parser.get_parsed_content(NETWORK)

    def predict(
        self,
        source: Given,
        out: str | Path,
        *,
        settings: Mapping[str, Any] | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> Results:
        """Run on an export; everything as in `predict`.

        Args:
            source: what is read.
            out: folder for the results, which holds none.
            settings: further ones, which must not change the network.
            check: called with the data set once its headers are read, and before a frame is; what it raises ends the
                run.
        """
        every = {**self._settings, **(settings or {})}
        search_path = list(sys.path)
        try:
            workflow = load_inference(self.folder, _with_places(every, source, out, overwrite=False))
            workflow.parser.ref_resolver.resolved_content[NETWORK] = self.network
            if check is not None:
                with own_errors(_given(every)):
                    dataset = workflow.parser.get_parsed_content("dataset")
                check(dataset)
            return _run(workflow, self.folder, every)
        finally:
            sys.path[:] = search_path  # to which MONAI adds the bundle at each run


def _with_places(
    settings: Mapping[str, Any], source: Given | Export, out: str | Path, overwrite: bool
) -> dict[str, Any]:
    """All settings of a run, those with what is read and written among them."""
    paths = source.inputs.paths if isinstance(source, Export) else every_path(source)
    first, *others = sources = [str(path) for path in paths]
    check_apart(map(Path, sources), Path(out))
    _check_settings(settings)
    settle(Path(out))
    check_free(Path(out), overwrite)  # before a network is loaded
    return {
        **settings,
        "dataset_dir": sources if others else first,
        "output_dir": str(out),
        "overwrite": overwrite,
    }


def _check_settings(settings: Mapping[str, Any]) -> None:
    reserved = sorted({"dataset_dir", "output_dir", "overwrite"} & set(settings))
    if reserved:
        raise BundleError(f"{', '.join(reserved)} cannot be a setting; needed as argument of its own. Leave it out.")


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a person gave, and may have got wrong; the command may have set some by itself."""
    return {name: value for name, value in settings.items() if name not in OF_THE_COMMAND}


def _run(workflow: Any, folder: Path, settings: Mapping[str, Any]) -> Results:
    with own_errors(_given(settings)), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI calls scikit-image by names that will change
        workflow.run()
        results = getattr(workflow.parser.get_parsed_content("evaluator").state, "results", None)
    if results is None:
        raise BundleError(f"{folder.name} wrote nothing; needed WriteResults among its handlers, and a run. Add them.")
    return results


def installed_engine(bundle: str | Path) -> dict[str, str]:
    """The setting that runs a bundle on OpenVINO, where that is installed and there is no GPU; else no setting.

    OpenVINO takes some seconds to compile the network, and then less for each frame than PyTorch.

    Raises:
        BundleError: no such bundle.
    """
    import torch

    from echocare_core.optional import is_installed

    config = find_bundle(bundle) / "configs" / "inference.json"
    has_engines = config.is_file() and "engine" in read_json(config)
    return {"engine": "openvino"} if has_engines and is_installed("openvino") and not torch.cuda.is_available() else {}


def quantize(
    bundle: str | Path,
    source: str | Path,
    path: str | Path,
    *,
    frames: int = FRAMES_TO_MEASURE,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """Write a bundle's network in whole numbers of eight bits, their ranges measured on frames of an export.

    Run it afterwards with the settings {"device": "cpu", "engine": "openvino", "engine_file": path}. Compare what comes
    out with the results of the bundle before you rely on it.

    Args:
        bundle: name or folder of a bundle.
        source: a DICOM file, a DICOM export folder, or images of the kind the bundle is meant for.
        path: `.xml` file to write; the `.bin` with the weights lands beside it.
        frames: how many to measure on, evenly spaced over the export; fewer where it has fewer.
        overwrite: replace an earlier file.
        settings: further entries of the configuration to replace, such as {"weights": "my/model.pt"}.

    Returns:
        How many frames were measured.

    Raises:
        EngineError: OpenVINO or NNCF is not installed.
        BundleError: no such bundle, or a setting it does not have.
        UnreadableFrames: nothing in `source` could be read.
        OutputError: `path` is there already, or its folder is not.
    """
    from echocare_core.engines.quantization import quantize_network
    from echocare_core.optional import check_installed

    check_installed("openvino", "nncf", subject="Quantisation", error=EngineError)
    path = Path(path)
    reserved = sorted({"engine", "engine_file", "precision", "device", "dataset_dir"} & set(settings or {}))
    if reserved:
        raise BundleError(
            f"{', '.join(reserved)} cannot be set here; only what the network is made of can. Leave it out."
        )
    if path.suffix != ".xml":
        raise OutputError(f"{path.name} does not end in .xml; needed for an OpenVINO model. Name it so.")
    if not path.parent.is_dir():
        raise OutputError(f"No folder {path.parent} for {path.name}; needed one. Make it first.")
    there = [file for file in (path, path.with_suffix(".bin")) if file.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]} is there already; a new name is needed. Choose one, or say --overwrite.")
    plain = {"engine": "torch", "engine_file": None, "precision": "float32", "device": "cpu"}
    parser = load_inference(find_bundle(bundle), {**(settings or {}), **plain, "dataset_dir": str(source)}).parser
    with own_errors(settings or {}):
        network, dataset = (parser.get_parsed_content(name) for name in ("network", "dataset"))
        images = list(_spread_images(dataset, frames))
    if not images:
        raise UnreadableFrames(Path(source), "has no frame that can be decoded; needed some to measure. Look at it.")
    quantize_network(network, images, path)
    return len(images)


def _spread_images(dataset: Any, frames: int) -> Iterator[Any]:
    """Up to so many images (1, 3, height, width) of an export, evenly spaced, with a progress bar."""
    from rich.progress import track

    step = max(1.0, dataset.number_of_items / max(1, frames))
    for number, item in track(enumerate(dataset), "reading frames", dataset.number_of_items, transient=True):
        if number == 0 or int(number / step) > int((number - 1) / step):
            yield item["image"].as_tensor()[None]
