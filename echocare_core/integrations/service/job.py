"""What the server hands to the process of a model, and what comes back: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from echocare_core.integrations.service.faults import Refused

Form = Literal["json", "zip", "dicom"]
Embedded = Literal["outputs", "all", "none"]
MEDIA_TYPES: dict[str, Form] = {
    "*/*": "json",
    "application/*": "json",
    "application/json": "json",
    "application/zip": "zip",
    "application/dicom": "dicom",
    "multipart/related": "dicom",
    "multipart/*": "dicom",
}


@dataclass(frozen=True)
class Job:
    """One request.

    Attributes:
        files: what was sent.
        folder: private to the request; removed by the server, whatever happens.
        form: of the answer.
        frames: 0-based numbers of those to use; all when empty.
        embedded: which files stand in an answer in JSON: those of outputs, such as masks, all, or none.
        dicom: whether DICOM objects are written too.
        single: the answer is one DICOM object, and not a multipart of several.
    """

    files: tuple[Path, ...]
    folder: Path
    form: Form = "json"
    frames: tuple[int, ...] = ()
    embedded: Embedded = "outputs"
    dicom: bool = False
    single: bool = False


@dataclass(frozen=True)
class Answer:
    """A file in the folder of the request that is sent back.

    Attributes:
        path: of the file.
        media_type: of HTTP.
    """

    path: Path
    media_type: str


@dataclass(frozen=True)
class Loaded:
    """What a process says once its model is loaded.

    Attributes:
        about: how results are made: engine, precision, device, checksum of the weights.
    """

    about: dict[str, Any] = field(default_factory=dict)


def form_of(accept: str) -> tuple[Form, bool]:
    """The form that a request wants by its header Accept, and whether that is a single DICOM object.

    The first media type that can be given, of those with the highest q (RFC 9110, 12.5.1); JSON without the header.

    Raises:
        Refused: with 406, none of them can.
    """
    wanted = sorted(map(_weighed, (accept or "*/*").split(",")), key=lambda one: -one[1])
    for media_type, quality in wanted:
        if media_type in MEDIA_TYPES and quality > 0:
            return MEDIA_TYPES[media_type], media_type == "application/dicom"
    raise Refused(
        406,
        "NotAcceptable",
        "The header Accept names nothing that is given here; needed application/json, application/zip, "
        'application/dicom or multipart/related; type="application/dicom". Ask for one of them.',
    )


def _weighed(part: str) -> tuple[str, float]:
    media_type, *parameters = (one.strip().lower() for one in part.split(";"))
    quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0


def frames_of(text: str | None) -> tuple[int, ...]:
    """Numbers of frames from a list such as "0,4,8-12", in order, each once.

    Raises:
        Refused: with 422, something else.
    """
    numbers: list[int] = []
    for part in (text or "").split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(part) > 20:
            raise Refused(
                422,
                "WrongFrames",
                "The parameter frames is no list of numbers; needed such as 0,4,8-12, counted from 0. Correct it.",
            )
        bounds = int(first), int(last or first)
        if len(numbers) + bounds[1] - bounds[0] >= MOST_NUMBERS:
            raise Refused(
                422, "WrongFrames", f"The parameter frames names {MOST_NUMBERS} or more; needed fewer. Name fewer."
            )
        numbers.extend(range(bounds[0], bounds[1] + 1))
    return tuple(dict.fromkeys(numbers))


MOST_NUMBERS = 100_000
