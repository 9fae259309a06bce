"""One file to Frames, chosen by its content, never by its name."""

from __future__ import annotations

from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom import read_dicom
from echocare_core.frames.dicom.header import looks_like_dicom
from echocare_core.frames.image import read_image
from echocare_core.frames.paged import looks_like_paged, read_paged
from echocare_core.frames.video.read import looks_like_video, read_video
from echocare_core.frames.volume.metaimage import looks_like_metaimage, read_metaimage
from echocare_core.frames.volume.nifti import looks_like_nifti, read_nifti
from echocare_core.frames.volume.nrrd import looks_like_nrrd, read_nrrd
from echocare_core.types import Frames

FORMATS = "DICOM, PNG, JPEG, GIF, TIFF, BMP, WebP, AVI, MP4, MKV, WebM, NIfTI, MetaImage or NRRD"
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# How other files begin, to call them by their name; their first bytes are never quoted, they may name a patient.
OTHERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"RIFF": "a RIFF file, but neither AVI nor WebP",
}


def read_frames(path: Path) -> Frames:
    """Read an ultrasound still or cine, with any name or extension, in one of `FORMATS`.

    Args:
        path: one file. `read_export` reads folders.

    Returns:
        Frames whose pixels are decoded when they are asked for; what each reader promises stands in `dicom.read_dicom`,
        `image.read_image`, `paged.read_paged`, `video.read_video`, `volume.read_nifti`, `volume.read_metaimage` and
        `volume.read_nrrd`.

    Raises:
        UnreadableFrames: missing, empty, a folder, not permitted, or none of these formats, or refused by its reader,
            which may need a library that is not installed; the sentence says why.
    """
    path = Path(path)
    head = first_bytes(path)
    try:
        return _read(path, head)
    except UnreadableFrames:
        raise
    except Exception as fault:  # whatever a header makes a library raise, a warning turned error or no memory too
        raise UnreadableFrames(
            path,
            f"ends its reader with a {type(fault).__name__}; it is damaged as no reader expects. Export it again.",
        ) from fault


def _read(path: Path, head: bytes) -> Frames:
    if looks_like_dicom(head):
        return read_dicom(path)
    if looks_like_paged(head):
        return read_paged(path)
    if head.startswith((PNG, JPEG)):
        return read_image(path)
    if looks_like_video(head):
        return read_video(path)
    if looks_like_nifti(head):
        return read_nifti(path)
    if looks_like_metaimage(head):
        return read_metaimage(path)
    if looks_like_nrrd(head):
        return read_nrrd(path)
    raise UnreadableFrames(
        path,
        f"is not {FORMATS} ({_other_format(head)}). Leave it out, or convert it.",
    )


def first_bytes(path: Path) -> bytes:
    """The first 1024 bytes of a file, which hold the marks of all formats."""
    if path.is_dir():
        raise UnreadableFrames(path, "is a folder; a file is needed. Read it as an export.")
    if path.exists() and not path.is_file():
        raise UnreadableFrames(path, "is not a regular file. Leave it out of the export.")
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError as fault:
        raise UnreadableFrames(path, "does not exist. Check the path.") from fault
    except OSError as fault:
        why = fault.strerror or type(fault).__name__
        raise UnreadableFrames(path, f"cannot be opened ({why}). Check its permissions.") from fault
    if not head:
        raise UnreadableFrames(path, "is empty (0 bytes). Copy or export it again.")
    return head


def _other_format(head: bytes) -> str:
    known = next((name for mark, name in OTHERS.items() if head.startswith(mark)), None)
    return f"it begins like {known}" if known else "its first bytes are those of another format"
