"""The pixels of one file, compared in full: only where the inventory has reason to, or where it is asked to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.inputs import Places
from echocare_core.frames.read import read_frames
from echocare_core.inventory.pixels import decoded_digest, stored_digest
from echocare_core.secret import SecretKey


@dataclass(frozen=True)
class Compared:
    """What came of it.

    Attributes:
        stored_digest, decoded_digest: of the pixels; None where it was not asked for.
        damaged: frames that cannot be decoded.
        reason: why the file is set aside after all; "" where it is not.
    """

    stored_digest: str | None = None
    decoded_digest: str | None = None
    damaged: int = 0
    reason: str = ""


def compare(path: Path, key: SecretKey, *, decoded: bool) -> Compared:
    """Hash all pixels of a file, decoded or as they are stored."""
    try:
        frames = read_frames(path)
        if not decoded:
            return Compared(stored_digest=stored_digest(frames, key))
        digest, damaged = decoded_digest(frames, key)
        return Compared(decoded_digest=digest, damaged=damaged)
    except UnreadableFrames as fault:
        return Compared(reason=fault.reason)
    except OSError:
        return Compared(reason="cannot be read from the disk any more. Copy it again.")


def compare_files(places: Places, key: SecretKey, decoded: bool, sources: list[str]) -> list[Compared]:
    """The same for some files of an export."""
    return [compare(places.path_of(source), key, decoded=decoded) for source in sources]
