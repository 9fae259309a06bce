"""How masks are read, where that is not plain: said in one line, at the first of them."""

from __future__ import annotations

import logging

SAID: set[str] = set()  # in this process
logger = logging.getLogger(__name__)


def say_once(how: str, name: str) -> None:
    """Say how masks are read, at the first of them.

    Args:
        how: the sentence goes on from "A mask".
        name: of its file.
    """
    if how not in SAID:
        SAID.add(how)
        logger.warning("A mask %s (%s, and others like it).", how, name)
