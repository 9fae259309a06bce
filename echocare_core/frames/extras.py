"""Libraries that only some formats need: imported when such a file comes, asked for by name where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from echocare_core.errors import PixelDataError


def imported(package: str, extra: str, format_name: str) -> Any:
    """Import an optional package.

    Args:
        package: what to import.
        extra: of this package, that brings it.
        format_name: what is read with it, with its article.

    Raises:
        PixelDataError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as fault:
        raise PixelDataError(
            f"is {format_name}, which needs {package}. Install it with pip install 'echocare[{extra}]'."
        ) from fault
