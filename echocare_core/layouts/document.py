"""XML documents from strangers: small, without a DOCTYPE, so that no entity grows or names another file."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

LARGEST = 4 << 20  # bytes: the outlines of a case have some kilobytes


class _DoctypeError(ValueError):
    """A document has one."""


class _WithoutDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called at the start of a DOCTYPE, before any entity in it is declared."""
        raise _DoctypeError("has a DOCTYPE, which no annotation needs. Leave it out.")


def read_document(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    Raises:
        ValueError: with the reason: it cannot be opened, is larger than any annotation, is no XML, or has a DOCTYPE.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as fault:
        raise ValueError(f"cannot be opened ({fault.strerror}). Check its permissions.") from fault
    if len(data) > LARGEST:
        raise ValueError(f"has more than {LARGEST >> 20} MiB, more than any annotation. Copy it again.")
    try:
        return ElementTree.fromstring(data, ElementTree.XMLParser(target=_WithoutDoctype()))
    except _DoctypeError:
        raise
    except (ElementTree.ParseError, LookupError, ValueError) as fault:  # the last two of its encoding
        raise ValueError(f"is no readable XML ({fault}). Copy it again.") from fault


def text_of(element: ElementTree.Element, name: str) -> str:
    """The text of an element's child, without blanks around it; "" where it has none."""
    return (element.findtext(name) or "").strip()
