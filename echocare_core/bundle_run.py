"""What `python -m monai.bundle run` leaves out: settings that the bundle does not have, and errors in one sentence.

MONAI adds a setting that its configuration lacks, in silence, and says what went wrong amid a hundred lines.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow, create_workflow, run
from monai.utils import optional_import

from echocare_core.errors import BundleError, own_cause
from echocare_core.frames.inputs import every_path
from echocare_core.kinds import check_kinds
from echocare_core.overrides import check_overrides
from echocare_core.results.apart import check_apart
from echocare_core.training.settings import TRACKING
from echocare_core.workflow import check_settings, explain

WRITER = "echocare_core.results.handler.WriteResults"
WHOLE = "bundle_root"  # entry of every configuration that can run without another one
REFERENCE = re.compile(r"@(\w+)")
tqdm, _ = optional_import("tqdm", name="tqdm")
MAIN = "monai.bundle.__main__"
OF_MONAI = {
    name for called in (run, create_workflow, ConfigWorkflow.__init__) for name in inspect.signature(called).parameters
}


def begin_run() -> None:
    """Look at what a run was given, before anything is built; the first line of `initialize` in a configuration.

    Where the program is `python -m monai.bundle`, its last line will be a sentence if it fails.

    Raises:
        BundleError: a setting that the configuration does not have, where it names the nearest; or configurations in
            an order in which the first one changes nothing.
        SettingsError: a value of another kind than the one that it replaces (`check_kinds`).
        OutputError: results would lie around the export, or in its place.
        SystemExit: see `check_overrides`.
    """
    check_overrides()
    given = _given_to_run()
    if given is None:  # something else has loaded the configuration
        return
    files, settings = given
    if getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", None) == MAIN:
        sys.excepthook = partial(_say_last, settings)
    _check_order([Path(file) for file in files])
    parser = ConfigParser()
    parser.read_config(files)
    _check_places(parser, settings)
    check_settings([name.removeprefix("+") for name in settings], parser, Path(files[0]).parent.parent.resolve().name)
    check_kinds(settings, parser.config)
    _set_none(settings)


def _set_none(settings: Mapping[str, Any]) -> None:
    """Set to None what a run was given as None, which MONAI leaves out in silence."""
    workflow = next(
        (one for frame in _callers() if isinstance(one := frame.f_locals.get("self"), ConfigWorkflow)), None
    )
    names = [name.removeprefix("+") for name, value in settings.items() if value is None]
    if workflow is not None and names:  # what is built after this first line of `initialize` is parsed anew
        workflow.parser.update(dict.fromkeys(names))


def _check_order(files: Sequence[Path]) -> None:
    """BundleError where the first configuration is one that only changes another, such as evaluate.json."""
    first, others = files[0], files[1:] or sorted(files[0].parent.glob("*.json"))
    changes = ConfigParser.load_config_file(first)
    if WHOLE in changes:
        return
    asked = set(REFERENCE.findall(str(changes))) - changes.keys()
    needed = next((path for path in others if asked <= ConfigParser.load_config_file(path).keys()), None)
    if needed is not None:
        raise BundleError(
            f"{first.name} only changes another configuration; needed {needed.name} before it. Pass --config_file "
            f"\"['{needed}','{first}']\"."
        )


def _check_places(parser: ConfigParser, settings: Mapping[str, Any]) -> None:
    """OutputError, before anything is read, where the export would lie in the results."""
    handlers = parser.get("handlers", [])
    writes = any(isinstance(one, Mapping) and one.get("_target_") == WRITER for one in handlers)
    if writes and settings.get("dataset_dir") and settings.get("output_dir"):
        paths, out = every_path(settings["dataset_dir"]), Path(settings["output_dir"])
        check_apart(paths, out)


def _given_to_run() -> tuple[list[str], dict[str, Any]] | None:
    """The configuration files and settings of the call of `monai.bundle.run` that is under way; None where none is.

    MONAI hands them to nobody, so they are read where they stand, among the arguments of that call.
    """
    call = next((frame for frame in _callers() if frame.f_code is run.__code__), None)
    if call is None:
        return None
    given = dict(call.f_locals["override"])
    named = ConfigParser.load_config_file(call.f_locals["args_file"]) if call.f_locals["args_file"] else {}
    files = call.f_locals["config_file"] or named["config_file"]
    known = OF_MONAI | set(TRACKING if call.f_locals["tracking"] or "tracking" in named else ())
    settings = {name: value for name, value in {**named, **given}.items() if name not in known}
    return [files] if isinstance(files, str) else list(files), settings


def _callers() -> Iterator[FrameType]:
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]


def _say_last(
    settings: Mapping[str, Any], kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """End a program with the sentence of its error; where that is none of this package's, below its traceback."""
    sentence = explain(error, settings) if isinstance(error, Exception) else None
    if sentence is None or own_cause(error) is None:
        sys.__excepthook__(kind, error, trace)
    for bar in list(getattr(tqdm, "_instances", ())):  # which would be drawn again below
        bar.close()
    if sentence is not None:
        print(f"{type(sentence).__name__}: {sentence}", file=sys.stderr)
        _tell_torchrun(sentence)


def _tell_torchrun(sentence: Exception) -> None:
    """Put the sentence into torchrun's own account of the processes that failed, which comes last."""
    if "TORCHELASTIC_ERROR_FILE" in os.environ:
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        try:  # what is handled is what it takes for the traceback
            raise sentence.with_traceback(None) from None
        except type(sentence):
            get_error_handler().record_exception(sentence)
