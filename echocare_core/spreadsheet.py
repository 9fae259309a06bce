"""Texts from outside as cells of a CSV file that somebody opens in a spreadsheet.

Excel runs a cell that begins with = + - or @, also after a tab or in the wide forms of Asian keyboards, as a formula,
and turns a file called 00000001 into the number 1. A path is written as the same relative path with "./" before it
("./=x.dcm", "./00000001"): no longer a formula or a number, still a path that opens, and `pathlib.PurePosixPath` takes
the "./" away again. Other text, such as a reason, gets an apostrophe before it; a number does not, such as a coordinate
of -2.5: it runs nothing, and has to be read back.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NUMBER_OR_DATE = re.compile(r"[\d.,:/eE+\- ]+")


def path_cell(path: str) -> str:
    """A relative path as a cell: with "./" before it where it would become a formula, a number or a date."""
    return f"./{path}" if _FORMULA.match(path) or _NUMBER_OR_DATE.fullmatch(path) else path


def image_cell(path: str) -> str:
    """The path of an image as somebody's table writes it, so that it joins: changed only where it would run."""
    return path_cell(path) if _FORMULA.match(path) else path


def text_cell(value: object) -> object:
    """A value as a cell: a text with an apostrophe before it where it would become a formula, others as they are."""
    runs = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if runs else value
