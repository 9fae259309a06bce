"""The transfer syntaxes that the reader decodes, from the catalogue it decodes by."""

from __future__ import annotations

from collections.abc import Collection

from pydicom.uid import UID

from echocare_core.frames.dicom.codecs import DECODERS, NATIVE, VIDEO

HEAD = "| transfer syntax | UID | decoded by |\n|---|---|---|\n"


def syntax_name(uid: str) -> str:
    """The standard's name of a transfer syntax, without the words that say it is one."""
    return UID(uid).name.replace(" Image Compression", "")


def in_order(uids: Collection[str]) -> list[str]:
    """UIDs by their numbers, without the fragmentable forms of the video syntaxes, which end in `.1`."""
    plain = [uid for uid in uids if not UID(uid).name.startswith("Fragmentable")]
    return sorted(plain, key=lambda uid: [int(number) for number in uid.split(".")])


def reader_table() -> str:
    """A Markdown table: name, UID, and what decodes it."""
    groups = ((NATIVE, "numpy"), (DECODERS, "imagecodecs"), (VIDEO, "PyAV (`echocare[video]`)"))
    rows = (f"| {syntax_name(uid)} | `{uid}` | {by} |\n" for group, by in groups for uid in in_order(group))
    return HEAD + "".join(rows)
