"""Libraries that only some formats need: imported when such a file comes, asked for by name where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from echocare_core.errors import UnreadableFrames


def imported(package: str, extra: str, format_name: str) -> Any:
    """Import an optional package.

    Args:
        package: what to import.
        extra: of this package, that brings it.
        format_name: what is read with it, with its article.

    Raises:
        UnreadableFrames: it is not installed. The sentence lacks its subject; the caller puts the file name before it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as fault:
        raise UnreadableFrames(
            f"is {format_name}, which needs {package}. Install it with pip install 'echocare[{extra}]'."
        ) from fault
