"""One shard: a tar file of images, each followed by a JSON file that describes it. Written in order, read by offset."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.errors import TableError

GROUP_DIGITS = 16
RECORD = 512  # bytes of a header, and of what contents are filled up to
SUFFIXES = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}


@dataclass(frozen=True)
class ShardSample:
    """One image for a shard.

    Attributes:
        name: of the image, its own in the data set. It is written as it stands, so it must hold no patient attribute.
        organ: of the image, by its name in the organ tree.
        group: patient, study or acquisition. Only a part of its SHA-256 is written; but whoever can try all possible
            groups can find it from that, so give a group that is a pseudonym already.
        read: gives the bytes of a JPEG or PNG file, such as `Path("a.png").read_bytes`; called when its turn has come.
            They are written as they stand, with whatever metadata the file holds. Where it raises `UnreadableFrames`,
            the image is left out.
    """

    name: str
    organ: str
    group: str
    read: Callable[[], bytes]

    def description(self) -> dict[str, str]:
        """What is written beside the image: `organ`, `group` (16 hexadecimal digits) and `name`, in this order."""
        group = hashlib.sha256(self.group.encode()).hexdigest()[:GROUP_DIGITS]
        return {"organ": self.organ, "group": group, "name": self.name}

    def image(self) -> bytes:
        """The image file: TableError where it cannot be opened or is neither JPEG nor PNG, or what `read` raises."""
        try:
            image = self.read()
        except OSError as error:
            raise TableError(
                f"Image {self.name} cannot be read ({type(error).__name__}); needed a JPEG or PNG file. Correct its "
                f"row or take it out."
            ) from error
        if not image.startswith(tuple(SUFFIXES)):
            raise TableError(f"Image {self.name} is neither JPEG nor PNG. Convert it, or take its row out.")
        return image


class Shard:
    """An open shard.

    Args:
        path: the tar file.

    Raises:
        TableError: no such file, no tar file, one that is cut short, or members that are not image and JSON in turn.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
            names, self._spans = _members(self._file)
        except (OSError, ValueError) as error:
            raise TableError(
                f"{path} cannot be read ({type(error).__name__}: {error}); needed a whole tar file as `write_shards` "
                f"makes it. Copy it again, or write the shards again."
            ) from error
        parts = [name.partition(".") for name in names]
        described = [second == (first[0], ".", "json") for first, second in zip(parts[::2], parts[1::2], strict=False)]
        if len(names) % 2 or not all(described):
            raise TableError(f"{path} is no shard; needed an image and its JSON file in turn. Write the shards again.")

    def __len__(self) -> int:
        """Images in the shard."""
        return len(self._spans) // 2

    def image(self, place: int) -> bytes:
        """The JPEG or PNG file at a place, 0 to the number of images - 1."""
        return self._member(2 * place)

    def description(self, place: int) -> dict[str, str]:
        """`organ`, `group` and `name` of the image at a place."""
        description: dict[str, str] = json.loads(self._member(2 * place + 1))
        return description

    def _member(self, number: int) -> bytes:
        offset, size = self._spans[number]
        return os.pread(self._file, size, offset)  # leaves no file position that forked processes would share


def write_shard(samples: Iterable[tuple[ShardSample, bytes]], path: Path, *, first: int) -> int:
    """Write a shard, whole or not at all; the same samples always give the same bytes.

    Args:
        samples: in the order of the rows, each with its JPEG or PNG file.
        path: the tar file; it is replaced.
        first: row of the first sample in its data set, from which the members get their names.

    Returns:
        How many images there are in it.
    """
    images = 0
    with replacing(path) as unfinished, tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as archive:
        for images, (sample, image) in enumerate(samples, 1):
            name = f"{first + images - 1:09d}"
            suffix = next(suffix for start, suffix in SUFFIXES.items() if image.startswith(start))
            _add(archive, f"{name}.{suffix}", image)
            _add(archive, f"{name}.json", json.dumps(sample.description()).encode())
    return images


def _members(file: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Name of each member, and where its content starts and how many bytes it has.

    `tarfile` takes five times as long, and each worker opens each shard. Fields: POSIX.1-1988, ustar.
    """
    names, spans, place, end = [], [], 0, os.fstat(file).st_size
    while (header := os.pread(file, RECORD, place)).strip(b"\0"):
        if header[257:262] != b"ustar" or header[156:157] != tarfile.REGTYPE:
            raise ValueError(f"no header of a plain file at byte {place}")
        size = int(header[124:135], 8)
        names.append(header[:100].rstrip(b"\0").decode("ascii"))
        spans.append((place + RECORD, size))
        place += RECORD + -(-size // RECORD) * RECORD
        if place > end:
            raise ValueError(f"it ends within {names[-1]}")
    return names, spans


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # without times and owners
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
