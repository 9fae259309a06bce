"""Pseudonyms: what groups the objects of a patient, a study or a series without saying who or which it is.

A pseudonym is a keyed hash (BLAKE2b, RFC 7693). Without the key nobody can try all names, dates or numbers until one
fits; with it one can. So the key is drawn at random for each inventory, stands in a file that only its owner may read,
and stays behind when tables are passed on. Whoever deletes it makes the pseudonyms in those tables anonymous for good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from echocare_core.errors import OutputError

KEY_FILE = "inventory.key"
KEY_BYTES, PSEUDONYM_BYTES = 32, 8


@dataclass(frozen=True)
class Pseudonyms:
    """Makes pseudonyms with one key: equal values of a kind give equal ones, other keys give others.

    Attributes:
        key: 32 random bytes.
    """

    key: bytes = field(repr=False)

    def name(self, kind: str, value: str) -> str:
        """16 hexadecimal digits for a value; `kind` keeps a study and a series of the same UID apart."""
        return self._hash(kind, value).hexdigest()

    def share(self, kind: str, value: str) -> float:
        """A number in [0, 1) for a value, spread evenly over all values."""
        return int.from_bytes(self._hash(kind, value).digest(), "big") / 2 ** (8 * PSEUDONYM_BYTES)

    def _hash(self, kind: str, value: str) -> hashlib.blake2b:
        data = value.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, digest_size=PSEUDONYM_BYTES, key=self.key, person=kind.encode())


def new_pseudonyms() -> Pseudonyms:
    """Pseudonyms with a fresh key."""
    return Pseudonyms(secrets.token_bytes(KEY_BYTES))


def kept_pseudonyms(folder: Path, *, new: bool) -> Pseudonyms:
    """Pseudonyms with the key that a folder keeps in `inventory.key`.

    Args:
        folder: of the inventory.
        new: there is no inventory in it yet, so a key that is missing may be drawn. A key that was copied there before
            the first run is used: two exports then share their pseudonyms.

    Raises:
        OutputError: the key is missing beside an inventory, or is none.
    """
    path = folder / KEY_FILE
    if new and not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError) as fault:
        what = "is missing" if isinstance(fault, FileNotFoundError) else "holds no key"
        raise OutputError(
            f"{KEY_FILE} {what}; the inventory beside it can only go on with its own. Restore it, or name a new folder."
        ) from None
    if len(key) != KEY_BYTES:
        raise OutputError(
            f"{KEY_FILE} holds {len(key)} bytes; a key has {KEY_BYTES}. Restore it, or name a new folder."
        )
    return Pseudonyms(key)
