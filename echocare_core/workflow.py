"""A bundle's configuration as a MONAI workflow, with values from outside that stay values."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echocare_core.bundle import check_needed_version, read_json
from echocare_core.errors import BundleError, SettingsError, causes, own_cause

_MEANT_BY_MONAI = "$@#%"  # expression, reference, separator of ids, macro


def load_inference(folder: Path, settings: Mapping[str, Any]) -> Any:
    """Open a bundle's inference configuration as a MONAI workflow.

    Args:
        folder: of the bundle.
        settings: entries to replace, by their path in the configuration; texts in them are taken as they stand.

    Raises:
        BundleError: a bundle for another version of this package, a configuration that cannot be read or has nothing
            to run, or an entry that the configuration does not have; MONAI itself would add it in silence.
        SettingsError: a device that this machine does not have, or a `_target_` where the configuration builds nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.bundle import ConfigWorkflow
    config_file = folder / "configs" / "inference.json"
    if not config_file.is_file():
        raise BundleError(f"{folder.name} has no configs/inference.json; needed one to predict. Restore the bundle.")
    check_needed_version(folder)
    lacking = [name for name in ("dataset", "evaluator", "run") if name not in read_json(config_file)]
    if lacking:
        raise BundleError(f"{config_file} has no {', '.join(lacking)}; needed to predict. Restore the bundle.")
    _check_device(settings.get("device", "cpu"))
    with _quiet("monai.bundle.workflows"):  # it warns that logging_file is False, as meant
        workflow = ConfigWorkflow(
            config_file=str(config_file), workflow_type="infer", logging_file=False, bundle_root=as_literal(str(folder))
        )
    unknown = [name for name in settings if not name or name not in workflow.parser]
    if unknown:
        known = ", ".join(key for key in workflow.parser.config if key not in ("imports", "_meta_", "run"))
        raise BundleError(f"{folder.name} has no setting '{', '.join(unknown)}'; it has {known}.")
    for name, value in settings.items():
        _check_buildable(name, value, workflow.parser[name])
    workflow.parser.update({name: as_literal(value) for name, value in settings.items()})
    workflow.initialize()
    return workflow


def as_literal(value: Any) -> Any:
    """A value for MONAI's configuration that its parser gives back as it is.

    MONAI runs a text that begins with $ as Python, reads @name as another entry, turns # into :: and opens a file after
    %. A text with one of them becomes an expression that spells it with escapes, and evaluates to it.

    Args:
        value: anything; texts inside lists and mappings are treated alike. What a `_target_` in a mapping names is
            still built.
    """
    if isinstance(value, str):
        return _spelt(value) if any(sign in value for sign in _MEANT_BY_MONAI) else value
    if isinstance(value, Mapping):
        return {key: as_literal(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_literal(one) for one in value]
    return value


def _check_buildable(name: str, value: Any, configured: Any) -> None:
    """SettingsError where a value would be built and run, and the bundle has a plain value, such as a path, there."""
    if _names_target(value) and not (_names_target(configured) or configured == []):
        raise SettingsError(f"The bundle builds nothing for {name}; needed a plain value. Leave its _target_ out.")


def _names_target(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(_names_target, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_names_target, value))


def _spelt(text: str) -> str:
    """A Python expression for a text, after a $, with no other sign in it that MONAI reads."""
    spelt = str.__repr__(text)
    for sign in _MEANT_BY_MONAI:
        spelt = spelt.replace(sign, f"\\x{ord(sign):02x}")
    return f"${spelt}"


@contextmanager
def own_errors(settings: Mapping[str, Any]) -> Iterator[None]:
    """Raise the error of this package that MONAI has wrapped while it built or ran the parts of a configuration.

    Args:
        settings: entries that were replaced: the likely reason where MONAI fails for none of this package's.

    Raises:
        SettingsError: the parts cannot be built or run, and there are settings.
    """
    try:
        with _quiet("ignite"):  # it repeats each error that is raised anyway
            yield
    except Exception as error:  # MONAI lets through whatever its components raise
        cause = own_cause(error)
        if cause is error or (cause is None and not settings):
            raise
        raise cause or SettingsError(_blamed(settings, error)) from error


def _blamed(settings: Mapping[str, Any], error: BaseException) -> str:
    *_, first = causes(error)
    said = (str(first).splitlines() or [""])[0]
    return (
        f"It does not run with {', '.join(settings)} ({type(first).__name__}: {said}); needed values like those that "
        "stand in the bundle's inference.json. Correct them, or leave them out."
    )


def _check_device(device: Any) -> None:
    """SettingsError where PyTorch knows no such device, or sees none here."""
    import torch

    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"There is no device '{device}'; needed cpu, or cuda for a GPU. Set device so.") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise SettingsError(f"PyTorch sees no GPU here for device {device}; needed cpu. Set device to it.")


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep a logger silent, and give it its level back."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
