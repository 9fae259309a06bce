"""The transfer syntaxes that the reader decodes, from the catalogue it decodes by."""

from __future__ import annotations

from pydicom.uid import UID

from echocare_core.frames.dicom.codecs import DECODERS, NATIVE, VIDEO

HEAD = "| transfer syntax | UID | decoded by |\n|---|---|---|\n"
NOT_IN_PYDICOM = {  # PS3.6 A
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}


def syntax_name(uid: str) -> str:
    """The standard's name of a transfer syntax, without the words that say it is one."""
    return NOT_IN_PYDICOM.get(uid) or UID(uid).name.replace(" Image Compression", "")


def by_number(uid: str) -> list[int]:
    """What UIDs are sorted by."""
    return [int(number) for number in uid.split(".")]


def reader_table() -> str:
    """A Markdown table: name, UID, and what decodes it; a video syntax and its fragmentable form (`.1`) in one row."""
    video = {uid.removesuffix(".1") for uid in VIDEO}
    groups = ((NATIVE, "numpy"), (DECODERS, "imagecodecs"), (video, "PyAV (`echocare[video]`)"))
    rows = (
        f"| {syntax_name(uid)} | `{uid}` | {by} |\n" for group, by in groups for uid in sorted(group, key=by_number)
    )
    return HEAD + "".join(rows)
