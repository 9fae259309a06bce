"""Texts from outside, such as names of files and values of headers, as a terminal may show them."""

from __future__ import annotations

import unicodedata

# Control characters (of which escape sequences are made), and signs that turn or hide the text beside them.
_NOT_SHOWN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # Unicode's general categories
_SOFT_HYPHEN = "\u00ad"


def printable(text: str) -> str:
    """A text in which nothing moves the cursor, colours, hides or turns what stands beside it.

    Control and format characters, such as escape, line feed and the marks that write from right to left, and bytes of a
    file name that are no text are spelled as in Python: "\\x1b", "\\u202e".
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(sign) if _is_hidden(sign) else sign for sign in text)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _NOT_SHOWN and sign != _SOFT_HYPHEN


def _spelt(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
