"""pydicom without its warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging import getLogger
from threading import RLock

from pydicom import config

_LOCK = RLock()
_SILENT: ContextVar[bool] = ContextVar("pydicom is silent already", default=False)


@contextmanager
def suppress_warnings() -> Iterator[None]:
    """Keep pydicom silent: its warnings quote values, and in a damaged file a value may hold a patient's name.

    Around many calls of `value` it costs once what it costs around each.
    """
    if _SILENT.get():
        yield
        return
    logger = getLogger("pydicom")
    token = _SILENT.set(True)
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disabled, mode = logger.disabled, config.settings.reading_validation_mode
        logger.disabled, config.settings.reading_validation_mode = True, config.IGNORE
        try:
            yield
        finally:
            logger.disabled, config.settings.reading_validation_mode = disabled, mode
            _SILENT.reset(token)
