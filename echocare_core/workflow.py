"""A bundle's configuration as a MONAI workflow, with values from outside that stay values."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from pydoc import locate
from typing import Any

from echocare_core.bundle import check_needed_version, read_json
from echocare_core.errors import BundleError, EchoCareError, EveryFrameFails, SettingsError, causes, own_cause
from echocare_core.kinds import check_kinds, check_outputs

NO_SETTINGS = ("imports", "_meta_", "initialize", "run", "finalize")
_MEANT_BY_MONAI = "$@#%"  # expression, reference, separator of ids, macro


def load_inference(folder: Path, settings: Mapping[str, Any]) -> Any:
    """Open a bundle's inference configuration as a MONAI workflow.

    Args:
        folder: of the bundle.
        settings: entries to replace, by their path in the configuration; texts in them are taken as they stand.

    Raises:
        BundleError: a bundle for another version of this package, a configuration that cannot be read or has nothing
            to run, or an entry that the configuration does not have; MONAI itself would add it in silence.
        SettingsError: a device that this machine does not have, a value of another kind than the one that it replaces
            (`check_kinds`), other names of a network's outputs (`check_outputs`), or a `_target_` where the
            configuration builds nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.bundle import ConfigWorkflow

        from echocare_core.distributed import find_device
    config_file = folder / "configs" / "inference.json"
    if not config_file.is_file():
        raise BundleError(f"{folder.name} has no configs/inference.json; needed one to predict. Restore the bundle.")
    check_needed_version(folder)
    lacking = [name for name in ("dataset", "evaluator", "run") if name not in read_json(config_file)]
    if lacking:
        raise BundleError(f"{config_file} has no {', '.join(lacking)}; needed to predict. Restore the bundle.")
    find_device(settings.get("device", "cpu"))
    with _quiet("monai.bundle.workflows"):  # it warns that logging_file is False, as meant
        workflow = ConfigWorkflow(
            config_file=str(config_file), workflow_type="infer", logging_file=False, bundle_root=as_literal(str(folder))
        )
    check_settings(settings, workflow.parser, folder.name)
    for name, value in settings.items():
        _check_buildable(name, value, workflow.parser.get(name))
    check_outputs(settings, workflow.parser.config)
    check_kinds(settings, workflow.parser.config, literal=True)
    workflow.parser.update({name: as_literal(value) for name, value in settings.items()})
    workflow.initialize()
    return workflow


def check_settings(settings: Iterable[str], parser: Any, bundle: str) -> None:
    """Check that a configuration has what is to be set in it.

    Args:
        settings: ids, such as "batch_size" or "network_def#width". An argument that a component takes, and that the
            configuration leaves at its default, may be set.
        parser: MONAI's, of the configuration.
        bundle: whose it is, for the message.

    Raises:
        BundleError: it has no such entry; the message names the nearest.
    """
    unknown = [name for name in settings if not _is_known(name, parser)]
    if unknown:
        near = get_close_matches(unknown[0], list(_ids(parser.config)), n=1)
        meant = f"did you mean {near[0]}? It" if near else "it"
        known = ", ".join(key for key in parser.config if key not in NO_SETTINGS)
        raise BundleError(f"{bundle} has no setting '{', '.join(unknown)}'; {meant} has {known}.")


def _is_known(name: str, parser: Any) -> bool:
    if not name or name in parser:
        return bool(name)
    component, _, argument = name.replace("::", "#").rpartition("#")
    target = parser[component].get("_target_") if component in parser and isinstance(parser[component], dict) else None
    called = locate(target) if isinstance(target, str) else None
    return callable(called) and argument in signature(called).parameters


def _ids(config: Any, above: str = "") -> Iterator[str]:
    """Ids of all entries of a configuration, those in lists left out."""
    for name, value in config.items():
        if name not in NO_SETTINGS and not name.startswith("_"):
            yield f"{above}{name}"
            if isinstance(value, dict):
                yield from _ids(value, f"{above}{name}#")


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
        sentence = explain(error, settings)
        if sentence is None or sentence is error:
            raise
        raise sentence from error


def explain(error: BaseException, settings: Mapping[str, Any]) -> EchoCareError | None:
    """What to say of an error while the parts of a configuration are built or run.

    Args:
        error: whatever MONAI let through.
        settings: entries that were replaced.

    Returns:
        The error of this package behind it; else one that names the settings as the likely reason; None without any.
    """
    cause = own_cause(error)
    if settings and (cause is None or isinstance(cause, EveryFrameFails)):
        return SettingsError(_blamed(settings, error))
    return cause


def _blamed(settings: Mapping[str, Any], error: BaseException) -> str:
    *_, first = causes(error)
    said = (str(first).splitlines() or [""])[0]
    return (
        f"It does not run with {', '.join(settings)} ({type(first).__name__}: {said}); needed values like those that "
        "stand in the bundle's configuration. Correct them, or leave them out."
    )


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
