"""Why a request is not answered with results: a status of HTTP and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from traceback import extract_tb

from echocare_core.errors import (
    BundleError,
    DeviceMemoryError,
    EchoCareError,
    EngineError,
    OutputError,
    SettingsError,
    TableError,
    UnreadableFrames,
    WeightsError,
    causes,
)

STATUS: dict[type[EchoCareError], int] = {  # the first that fits
    UnreadableFrames: 422,
    TableError: 422,
    SettingsError: 500,
    BundleError: 500,
    WeightsError: 500,
    EngineError: 500,
    DeviceMemoryError: 503,
    OutputError: 507,
}


@dataclass(frozen=True)
class Fault:
    """What is answered in place of results; it travels between processes.

    Attributes:
        status: of HTTP.
        error: its name, such as "UnreadableFrames".
        message: what was found, what was needed and what to do, in a sentence or three.
        retry_after_s: when to ask again; None where that does not help.
        where: line of code, for the log alone; "" where the message says enough.
    """

    status: int
    error: str
    message: str
    retry_after_s: int | None = None
    where: str = ""

    def as_json(self) -> dict[str, str]:
        """The message whole and, as far as it is made like most, in its three parts."""
        found, _, rest = self.message.partition("; ")
        needed, _, advice = rest.partition(". ")
        if not rest:
            found, _, advice = self.message.partition(". ")
        parts = {"found": found, "needed": needed.removeprefix("needed ").rstrip("."), "what_to_do": advice}
        return {"error": self.error, "message": self.message, **parts}


class Refused(EchoCareError):  # noqa: N818  (it reads as what was decided)
    """A request that is not answered with results, for the reason in `fault`."""

    def __init__(self, status: int, error: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(status, error, message, retry_after_s)

    @classmethod
    def of(cls, fault: Fault) -> Refused:
        """The error of a fault that another process found."""
        return cls(fault.status, fault.error, fault.message, fault.retry_after_s)


def fault_of(error: BaseException) -> Fault:
    """What is answered to an error, which may be one that nobody foresaw.

    Of such a one only its class and the line of code are told: its text may quote a header.
    """
    if isinstance(error, Refused):
        return error.fault
    if isinstance(error, EchoCareError):
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
        return Fault(status, type(error).__name__, str(error))
    *_, first = causes(error)
    line = next(reversed(extract_tb(first.__traceback__)), None)
    where = f"{PurePath(line.filename).name}:{line.lineno}" if line else ""
    return Fault(
        500,
        "Unexpected",
        f"{type(first).__name__} was raised; needed an answer. Tell who runs the service the X-Request-ID: its log "
        "has the line of code.",
        where=f"{type(first).__name__} at {where}",
    )
