"""What can go wrong, each with its own name: the message says what was found, what was needed and what to do."""

from __future__ import annotations


class EchoCareError(Exception):
    """Base of every error this package raises on purpose. Its text never holds a patient attribute."""


class UnreadableFrames(EchoCareError):  # noqa: N818  (it reads as what was found)
    """A file, or one frame of it, cannot be turned into pixels."""


class WeightsError(EchoCareError):
    """A weight file is not what the network needs."""


class BundleError(EchoCareError):
    """A bundle is unknown, incomplete or used with settings it does not have."""


class TableError(EchoCareError):
    """A table of images and labels breaks its documented format."""


class SettingsError(EchoCareError, ValueError):
    """A value in a configuration or call that cannot be used."""


class EngineError(EchoCareError):
    """The engine that should run a network is not installed, or cannot run it on that device."""


class TrainingError(EchoCareError):
    """A training cannot start, go on or continue from where it stopped."""


class PacsError(EchoCareError):
    """A PACS cannot be reached or asked, or answers with something else than DICOMweb."""


class NotRetrieved(PacsError):  # noqa: N818  (it reads as what was found)
    """A PACS does not give one object; it may give the others."""


class OutputError(EchoCareError):
    """The results cannot be written where they were asked for."""


def own_cause(error: BaseException) -> EchoCareError | None:
    """The error of this package behind one of MONAI's, which wraps whatever goes wrong inside its components."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and not isinstance(cause, EchoCareError):
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
        if id(cause) in seen:
            return None
    return cause
