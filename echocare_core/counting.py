"""Numbers and lists as a sentence has them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 frame", "2 frames", "2 studies"."""
    return (
        f"{number} {noun}" if number == 1 else f"{number} {noun.removesuffix('y')}{'ies' if noun[-1] == 'y' else 's'}"
    )


def first_ten(faults: Sequence[str]) -> str:
    """Faults one after the other, the first ten in words and the others by their number: "a; b; and 3 more"."""
    return "; ".join([*faults[:10], *([f"and {len(faults) - 10} more"] if len(faults) > 10 else [])])


def enumerated(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "a, b and c"."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
