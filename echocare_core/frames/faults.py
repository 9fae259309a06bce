"""All mistakes of a table at once: the first ten by name, the others by their number."""

from __future__ import annotations

from collections.abc import Sequence

from echocare_core.counting import counted, enumerated, first_ten
from echocare_core.errors import TableError


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
        raise TableError(f"{found} {counted(len(faults), 'mistake')}: {first_ten(faults)}. {todo}")


def name_rows(positions: Sequence[int]) -> str:
    """Rows counted from 1 below the names of the columns: "2, 5 and 7"."""
    return enumerated([str(position + 1) for position in positions])
