"""Pictures as hashes, to find those that an export holds twice: a few bytes of each first, all bytes where those agree.

So an export is not read whole for the sake of its copies. Both compare what is stored: a picture that was compressed
anew has other bytes and is found only where its decoded frames are compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.stored import stored_blocks, stored_form, stored_looks
from echocare_core.secret import SecretKey
from echocare_core.types import Frames

DIGEST_BYTES = 16


def fingerprint(frames: Frames, key: SecretKey) -> str:
    """Hash of the size and form of the stored pixels and of 16 KB of them: equal where pixels are, seldom else."""
    return _hash(frames, stored_looks(frames), key)


def stored_digest(frames: Frames, key: SecretKey) -> str:
    """Hash of all stored pixels, without offset tables, which say nothing about the picture."""
    return _hash(frames, stored_blocks(frames), key)


def decoded_digest(frames: Frames, key: SecretKey) -> tuple[str, int]:
    """Hash of the decoded frames, whatever the compression, and how many of them could not be decoded.

    Raises:
        UnreadableFrames: not one frame can be decoded.
    """
    digest = key.blake2b(repr(frames.size).encode(), DIGEST_BYTES)
    damaged = 0
    for number in range(len(frames)):
        try:
            digest.update(frames.pixels[number].tobytes())
        except UnreadableFrames as fault:
            damaged += 1
            if damaged == len(frames):
                raise
            digest.update(str(fault).encode())  # it names the file: a damaged cine is no copy of another
    return digest.hexdigest(), damaged


def _hash(frames: Frames, pieces: Iterable[bytes], key: SecretKey) -> str:
    digest = key.blake2b(stored_form(frames).encode(), DIGEST_BYTES)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
