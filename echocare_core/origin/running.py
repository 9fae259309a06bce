"""The configuration that is running, and every entry of it that is not the bundle's own."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from echocare_core.bundle import METADATA, read_identity
from echocare_core.types import Setting

# Where from, where to, what is written beside: they do not change a number, and their names may be those of patients.
_PLACES = ("bundle_root", "dataset_dir", "output_dir", "overwrite", "dicom", "_meta_", "imports")


class Running(NamedTuple):
    """A bundle whose configuration is running.

    Attributes:
        folder: of the bundle.
        parser: MONAI's, with the configuration.
    """

    folder: Path
    parser: Any

    @property
    def identity(self) -> dict[str, str]:
        """`name` and `version` of the bundle."""
        return read_identity(self.folder)

    def configuration(self) -> dict[str, Any]:
        """Every entry of it, without what it is read from and written to."""
        return _compared(self.parser.config)

    def settings(self, configs: Sequence[str]) -> dict[str, Setting] | None:
        """Every entry that differs from the bundle's own configuration, whoever set it, by its id in MONAI's words.

        Args:
            configs: names of the bundle's files that a run is made of, the later over the earlier.

        Returns:
            Id to values; None where the bundle does not have these files, so that nothing can be compared.
        """
        files = [self.folder / "configs" / name for name in configs]
        if not all(file.is_file() for file in files):
            return None
        own = type(self.parser).load_config_files([str(file) for file in files])
        return dict(sorted(_differences(_compared(own), _compared(self.parser.config))))


def find_running() -> Running | None:
    """The configuration that builds the object in whose making this is called; None where none does.

    MONAI tells its components nothing of the configuration that builds them. Its parser is looked for among the
    callers, so that every way to run a bundle is seen, and no bundle can forget to say what it was run with.
    """
    parser = _calling_parser()
    folder = None if parser is None else _resolved(parser, "bundle_root")
    if not isinstance(folder, str) or not (Path(folder) / METADATA).is_file():
        return None
    return Running(Path(folder), parser)


def _calling_parser() -> Any:
    module = sys.modules.get("monai.bundle.config_parser")
    frame = sys._getframe(1) if module else None
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, module.ConfigParser):  # type: ignore[union-attr]
            return caller
        frame = frame.f_back
    return None


def _resolved(parser: Any, name: str) -> object:
    return parser.get_parsed_content(name) if name in parser else None


def _compared(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in config.items() if name not in _PLACES}


def _plain(value: Any) -> Any:
    """A value as JSON holds it; a text as whoever set it gave it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return _as_given(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _as_given(text: str) -> str:
    """A text that was written as a quoted expression, so that MONAI would leave it alone."""
    if not text.startswith(("$'", '$"')):
        return text
    try:
        given = ast.literal_eval(text[1:])
    except (SyntaxError, ValueError):
        return text
    return given if isinstance(given, str) else text


def _differences(own: Any, here: Any, name: str = "") -> Iterator[tuple[str, Setting]]:
    """Id and values of the smallest parts that differ."""
    if isinstance(own, list) and isinstance(here, list) and len(own) == len(here):
        own, here = dict(enumerate(own)), dict(enumerate(here))
    if isinstance(own, dict) and isinstance(here, dict) and own.get("_target_") == here.get("_target_"):
        for key in [*own, *(key for key in here if key not in own)]:
            yield from _differences(own.get(key), here.get(key), f"{name}::{key}" if name else str(key))
    elif own != here or type(own) is not type(here):
        yield name, Setting(here, own)
