"""What can go wrong, each with its own name: the message says what was found, what was needed and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echocare_core.printable import printable


class EchoCareError(Exception):
    """Base of every error this package raises on purpose. Its text never holds a patient attribute.

    Names of files may stand in it, and nothing in them that a terminal obeys.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class UnreadableFrames(EchoCareError):  # noqa: N818  (it reads as what was found)
    """A file, or one frame of it, cannot be turned into pixels.

    Attributes:
        path: the file; the folder or table, where nothing in it can be.
        reason: what the sentence says of it: what was found, what was needed and what to do.
        frame: which one is meant, such as "frame 3 of 9"; "" for the whole file. `reason` begins with it.
    """

    def __init__(self, path: Path, reason: str, frame: str = "") -> None:
        super().__init__(path, reason, frame)  # by which it is pickled
        self.path, self.frame = path, frame
        self.reason = f"{frame}, {reason}" if frame else reason

    def __str__(self) -> str:
        return printable(f"{self.path.name or 'The folder'}{', ' if self.frame else ' '}{self.reason}")


class PixelDataError(EchoCareError):
    """Pixel data, or a header that describes it, that cannot be decoded; raised where the file is not known.

    Its text is the reason of the `UnreadableFrames` that a reader makes of it.
    """


class NoHeartBeat(EchoCareError):  # noqa: N818  (it reads as what was found)
    """The frames of a cine hold no whole heart beat; raised where the file is not known, its text is the reason."""


class WeightsError(EchoCareError):
    """A weight file is not what the network needs."""


class BundleError(EchoCareError):
    """A bundle is unknown, incomplete, used with settings it does not have, or gives an output that cannot be right."""


class EveryFrameFails(BundleError):  # noqa: N818  (it reads as what was found)
    """A bundle raises something on every frame it is given; its cause is what it raised first."""


class TableError(EchoCareError):
    """A table of images and labels breaks its documented format."""


class SettingsError(EchoCareError, ValueError):
    """A value in a configuration or call that cannot be used."""


class EngineError(EchoCareError):
    """The engine that should run a network is not installed, or cannot run it on that device."""


class DeviceMemoryError(EchoCareError):
    """A GPU, or the machine, has no memory left for what it should compute."""


class TrainingError(EchoCareError):
    """A training cannot start, go on or continue from where it stopped."""


class PacsError(EchoCareError):
    """A PACS cannot be reached or asked, or answers with something else than DICOMweb."""


class PacsDown(PacsError):  # noqa: N818  (it reads as what was found)
    """A PACS cannot be reached now, or is too busy; a little later it may be."""


class NotRetrieved(PacsError):  # noqa: N818  (it reads as what was found)
    """A PACS does not give one object; it may give the others."""


class OutputError(EchoCareError):
    """The results cannot be written where they were asked for."""


def own_cause(error: BaseException) -> EchoCareError | None:
    """The error of this package behind one of MONAI's, which wraps whatever goes wrong inside its components."""
    return next((cause for cause in causes(error) if isinstance(cause, EchoCareError)), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, and so on to the first; each once, also where they name each other."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
