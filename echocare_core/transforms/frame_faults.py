"""What single frames raise: one of many is set aside with a reason, one on every frame ends the run."""

from __future__ import annotations

from pathlib import Path

from echocare_core.errors import EveryFrameFails, UnreadableFrames, causes, own_cause

FIRST = 32  # frames that may all fail before a run ends


class Faults:
    """Counts what one stage of a run raises that no reader foresaw.

    Args:
        stage: in the words of the reason, such as "in the network".
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._first: Exception | None = None
        self._failed, self._passed = 0, False

    def passed(self) -> None:
        """A frame went through."""
        self._passed, self._first = True, None

    def reason(self, error: Exception, path: Path, frame: str = "") -> str:
        """Why a frame, or a whole file, is set aside: a sentence that quotes no library, whose text may be a header's.

        Args:
            error: what was raised.
            path: of the file.
            frame: which one is meant, such as "frame 3 of 9"; "" for all of it.

        Raises:
            EchoCareError: the first fault, where so many frames have failed and none went through.
        """
        fault = own_cause(error)
        if isinstance(fault, UnreadableFrames):
            return str(fault)
        self._failed += 1
        if not self._passed:
            self._first = self._first or error
            if self._failed >= FIRST:
                self.finish()
        return str(fault or UnreadableFrames(path, self._what_happened(error), frame))

    def finish(self) -> None:
        """Raise the first fault where no frame went through."""
        if self._first is None:
            return
        if own := own_cause(self._first):
            raise own from (None if own is self._first else self._first)
        kind = _kind(self._first)
        raise EveryFrameFails(
            f"Each frame that was tried, {self._failed} of them, raises {kind} {self.stage}; needed one that goes "
            "through. Correct the bundle or its settings, or try another export."
        ) from self._first

    def _what_happened(self, error: Exception) -> str:
        if any(isinstance(cause, MemoryError) or "OutOfMemory" in type(cause).__name__ for cause in causes(error)):
            return f"needs more memory than there is, {self.stage}. Try it where there is more, or leave it out."
        return f"cannot be used: {_kind(error)} {self.stage}. Look at it, and leave it out or export it again."


def _kind(error: Exception) -> str:
    """The name of what was raised first; MONAI wraps it."""
    *_, first = causes(error)
    return type(first).__name__
