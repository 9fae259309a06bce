"""One secret key, and the pseudonyms that follow from it: equal values give equal ones, another key gives others.

Without the key nobody can try all names, dates or numbers until one fits; with it one can. So it is drawn at random,
stands in a file that only its owner may read, and stays behind when tables and copies are passed on. Whoever deletes it
makes the pseudonyms in them anonymous for good.

Tables and names of files hold keyed BLAKE2b (RFC 7693), de-identified copies hold HMAC-SHA256 (RFC 2104): what was made
with a key earlier has to be made again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.errors import SettingsError

KEY_BYTES, PSEUDONYM_BYTES = 32, 8
LONGEST_SHIFT_DAYS, SECONDS_OF_A_DAY = 3650, 86400


@dataclass(frozen=True)
class SecretKey:
    """A key and what follows from it; nothing of that can be turned back.

    Attributes:
        secret: 32 random bytes.
    """

    secret: bytes = field(repr=False)

    def pseudonym(self, kind: str, value: str) -> str:
        """16 hexadecimal digits for a value; `kind` keeps a study and a series of the same UID apart."""
        return self._hash(kind, value).hexdigest()

    def share(self, kind: str, value: str) -> float:
        """A number in [0, 1) for a value, spread evenly over all values."""
        return int.from_bytes(self._hash(kind, value).digest(), "big") / 2 ** (8 * PSEUDONYM_BYTES)

    def blake2b(self, data: bytes, size: int, kind: str = "") -> hashlib.blake2b:
        """A keyed hash of `size` bytes to go on with, such as over all pixels of a file."""
        return hashlib.blake2b(data, digest_size=size, key=self.secret, person=kind.encode())

    def uid(self, uid: str) -> str:
        """The new UID of a UID: "2.25." and a UUID as a number (PS3.5 B.2), the same wherever the old one stood."""
        return f"2.25.{uuid.UUID(bytes=self._hmac('uid', uid)[:16], version=4).int}"

    def patient(self, identity: str) -> str:
        """The new Patient ID of a patient, 16 hexadecimal digits."""
        return self._hmac("patient", identity)[:8].hex().upper()

    def source(self, path: str) -> str:
        """What stands for a file's path in the report on copies, 16 hexadecimal digits."""
        return self._hmac("source", path)[:8].hex()

    def shift_days(self, identity: str) -> int:
        """By how many days a patient's dates move back, 1 to 3,650."""
        return 1 + int.from_bytes(self._hmac("days", identity)[:8], "big") % LONGEST_SHIFT_DAYS

    def shift(self, identity: str) -> timedelta:
        """By how much a patient's dates and times move back: whole days, and some seconds of one."""
        seconds = int.from_bytes(self._hmac("seconds", identity)[:8], "big") % SECONDS_OF_A_DAY
        return timedelta(self.shift_days(identity), seconds)

    def mark(self) -> str:
        """By which a later run knows that it has the same key."""
        return self._hmac("mark", "")[:8].hex()

    def _hash(self, kind: str, value: str) -> hashlib.blake2b:
        return self.blake2b(value.encode("utf-8", "surrogateescape"), PSEUDONYM_BYTES, kind)

    def _hmac(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self.secret, f"{purpose}\0{text}".encode("utf-8", "surrogateescape"), "sha256")


def new_key() -> SecretKey:
    """A fresh key, which stands in no file."""
    return SecretKey(secrets.token_bytes(KEY_BYTES))


def read_or_make_key(path: Path) -> SecretKey:
    """Read a key file (64 hexadecimal digits), or make one that only its owner may read where there is none.

    Raises:
        SettingsError: the file holds something else.
        OSError: it cannot be read or written.
    """
    if not path.exists():
        with replacing(path, mode=OWNER_ALONE) as unfinished:
            unfinished.write_text(secrets.token_hex(KEY_BYTES) + "\n", encoding="ascii")
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise SettingsError(
            f"{path.name} is no key; {2 * KEY_BYTES} hexadecimal digits are needed. Restore it, or name another place, "
            "where a new one is made."
        )
    return SecretKey(secret)
