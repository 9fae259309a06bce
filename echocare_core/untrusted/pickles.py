"""What a pickled weight file would build, read from its opcodes; nothing is unpickled."""

from __future__ import annotations

import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from echocare_core.untrusted.allowed import GLOBALS_OF_WEIGHTS

MOST_BYTES = 50_000_000  # of the pickle itself, in which no tensor stands
DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, IndexError),
    *(NotImplementedError, RuntimeError),  # another compression, or encrypted
)
INDIRECT = ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")  # name what they build elsewhere


def faults_of_weights(path: Path) -> Iterator[str]:
    """What a weight file holds beside plain tensors, in words."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _faults_of_archive(archive)
    except DAMAGES:
        yield "is no whole zip file of PyTorch's; an older form is not looked into"


def _faults_of_archive(archive: zipfile.ZipFile) -> Iterator[str]:
    for entry in archive.infolist():
        parts = entry.filename.split("/")
        if "code" in parts[1:-1] or parts[-1] == "constants.pkl":
            yield f"holds a program (TorchScript): {entry.filename}"
        elif entry.filename.endswith(".pkl"):
            with archive.open(entry) as file:
                content = file.read(MOST_BYTES + 1)
            yield from _faults_of_pickle(content)


def _faults_of_pickle(content: bytes) -> Iterator[str]:
    if len(content) > MOST_BYTES:
        yield f"has a pickle of more than {MOST_BYTES // 1_000_000} MB"
        return
    unknown = set()
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL" and argument not in GLOBALS_OF_WEIGHTS:
            unknown.add(str(argument).replace(" ", "."))
        elif opcode.name in INDIRECT:
            unknown.add(f"something by {opcode.name}")
    yield from (f"would build {name} when it is unpickled" for name in sorted(unknown))
