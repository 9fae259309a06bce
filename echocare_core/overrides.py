"""What stands on the command line of `python -m monai.bundle`, looked at before any of it is used.

MONAI reads each value there as a part of its configuration: a text that begins with $ is run as Python, @ names another
entry, % opens a file, and # becomes ::. Before that, Fire reads it as a literal of Python: a folder called 20240115
becomes a number, "Li, Ng" a tuple, and what follows # a comment. A path may have any of these names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from echocare_core.untrusted.expressions import is_harmless

PROGRAM = ("monai", "bundle", "__main__.py")
PATHS = ("_dir", "_root", "_tree", "path", "weights")  # how the names of entries end that hold a path
FILES = "_file"  # too, but for those of MONAI's own that may name several
OPTION = re.compile("--|-[a-zA-Z]")  # as Fire tells one: a single dash does too
SEVERAL = ("config_file", "meta_file", "args_file", "logging_file")


def check_overrides() -> None:
    """End the program with a sentence where a value of its command line would not reach the bundle as it stands.

    What `bundle_run.begin_run` does first. It looks at nothing unless the program is `monai.bundle`.

    Raises:
        SystemExit: a path that MONAI or Fire would read as something else, or an expression that could do anything.
    """
    if not is_monai_bundle():
        return
    for name, value in _given(sys.argv[2:]):
        fault = _fault(name, value)
        if fault:
            sys.exit(f"SettingsError: {_shown(name, value)} {fault}")


def is_monai_bundle() -> bool:
    """Whether the program is `python -m monai.bundle`."""
    return Path(sys.argv[0]).parts[-len(PROGRAM) :] == PROGRAM


def _given(words: list[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of each option; the name is empty for a value without one."""
    name = ""
    for word in words:
        if OPTION.match(word):
            name, equals, value = word.lstrip("-").partition("=")
            if equals:
                yield name, value
                name = ""
        else:
            yield name, word
            name = ""


def _fault(name: str, value: str) -> str | None:
    """What is wrong with a value, and what to do; None where it is read as it stands."""
    from fire.parser import DefaultParseValue

    read = DefaultParseValue(value)
    if _is_path(name) and read is not None:
        several = isinstance(read, list) and value.startswith("[") and not Path(value).exists()
        faults = (_fault_of_path(*pair) for pair in (zip(read, read, strict=True) if several else [(value, read)]))
        return next((fault for fault in faults if fault), None)
    for text in _texts(read):
        if text.startswith("$") and not is_harmless(text[1:]):
            return (
                "would be run as Python. Needed a value; write an expression of your own into a JSON file, and name "
                "that in --config_file after the bundle's, such as \"['BUNDLE/configs/train.json','mine.json']\"."
            )
    return None


def _fault_of_path(typed: Any, read: Any) -> str | None:
    if str(typed)[:1] in ("$", "@", "%"):
        return f"begins with {typed[0]}, which MONAI does not read as a path. Write it with ./ before it."
    if "#" in str(typed):
        return "holds a #, which MONAI makes :: of. Rename it, or run `echocare predict`, which takes any path."
    if not isinstance(read, str) or read != typed:
        return f"is read as {read!r} and not as a path. Write it with ./ before it."
    return None


def _is_path(name: str) -> bool:
    entry = name.replace("-", "_")
    return entry.endswith(PATHS) or (entry.endswith(FILES) and entry not in SEVERAL)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            yield from _texts(one)


def _shown(name: str, value: str) -> str:
    return f"--{name} {value!r}" if name else repr(value)
