"""What one request, and one process, may take."""

from __future__ import annotations

from dataclasses import dataclass, fields

from echocare_core.errors import SettingsError

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of a service; whatever is beyond one is refused with a sentence that names it.

    Attributes:
        upload_mib: of what one request sends, in MiB.
        unpacked_mib: of what a ZIP archive unpacks to, in MiB.
        files: files of one request.
        frames: frames, or clips, that one request is answered for.
        seconds: for receiving a request, for waiting its turn, for predicting, and for sending the answer, each.
        waiting: requests that wait for one model while it works on another one.
        memory_mib: resident memory of the process of one model, in MiB; one that takes more is started again.

    Raises:
        SettingsError: one that is not above zero.
    """

    upload_mib: int = 512
    unpacked_mib: int = 4096
    files: int = 1000
    frames: int = 1000
    seconds: float = 300.0
    waiting: int = 8
    memory_mib: int = 6144

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not value > 0:
                raise SettingsError(
                    f"The limit {one.name} is {value}; needed a number above 0. Leave it out to have {one.default}."
                )
