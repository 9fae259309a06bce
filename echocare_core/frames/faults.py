"""All mistakes of a table at once: the first ten by name, the others by their number."""

from __future__ import annotations

from collections.abc import Sequence

from echocare_core.errors import TableError

SHOWN = 10


def check_no_faults(found: str, faults: Sequence[str], todo: str) -> None:
    """Check that nothing is wrong.

    Args:
        found: where they were found, as a sentence begins.
        faults: one for each mistake, without a full stop.
        todo: what is needed and what to do, as a sentence.

    Raises:
        TableError: something is; it names the first ten.
    """
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        count = f"{len(faults)} mistake{'s' if len(faults) > 1 else ''}"
        raise TableError(f"{found} {count}: {'; '.join(faults[:SHOWN])}{more}. {todo}")
