"""The secret behind new UIDs and patient numbers: with it the same export gives the same copies, without it nobody
can tell whose they are."""

from __future__ import annotations

import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.errors import SettingsError

BYTES = 32
LONGEST_SHIFT_DAYS = 3650


@dataclass(frozen=True)
class Key:
    """A secret of 32 bytes; everything derived from it is HMAC-SHA256, which cannot be turned back."""

    secret: bytes = field(repr=False)

    def uid(self, uid: str) -> str:
        """The new UID of a UID: "2.25." and a UUID as a number (PS3.5 B.2), the same wherever the old one stood."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', uid)[:16], version=4).int}"

    def patient(self, identity: str) -> str:
        """The new Patient ID of a patient, 16 hexadecimal digits."""
        return self._digest("patient", identity)[:8].hex().upper()

    def source(self, path: str) -> str:
        """What stands for a file's path in the report, 16 hexadecimal digits."""
        return self._digest("source", path)[:8].hex()

    def shift_days(self, identity: str) -> int:
        """By how many days a patient's dates move back, 1 to 3,650."""
        return 1 + int.from_bytes(self._digest("days", identity)[:8], "big") % LONGEST_SHIFT_DAYS

    def mark(self) -> str:
        """By which a later run knows that it has the same key."""
        return self._digest("mark", "")[:8].hex()

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self.secret, f"{purpose}\0{text}".encode("utf-8", "surrogateescape"), "sha256")


def read_or_make_key(path: Path) -> Key:
    """Read a key file (64 hexadecimal digits), or make one that only its owner may read where there is none.

    Raises:
        SettingsError: the file holds something else.
        OSError: it cannot be read or written.
    """
    if not path.exists():
        with replacing(path) as unfinished:
            unfinished.write_text(secrets.token_hex(BYTES) + "\n", encoding="ascii")
        path.chmod(0o600)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise SettingsError(
            f"{path.name} is no key; {2 * BYTES} hexadecimal digits are needed. Name a new file to have one made."
        )
    return Key(secret)
