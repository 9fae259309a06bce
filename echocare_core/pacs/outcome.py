"""What became of an object that was sent, and the status codes of PACS in words."""

from __future__ import annotations

from dataclasses import dataclass

STORED, WARNED, THERE, REFUSED, NOT_SENT = "stored", "stored, with a warning", "already there", "refused", "not sent"
CONFIRMED = (STORED, WARNED, THERE)

# PS3.4 B.2.3, PS3.7 C and, for STOW-RS, PS3.18 I.2.2: status to what it says of an object.
_REFUSALS = {
    0x0110: "the PACS failed while it stored it. Look at its log",
    0x0111: "the PACS has an object of its UID. Look there whether that is the same",
    0x0112: "the PACS knows no such object. Ask its administrator",
    0x0117: "the PACS does not take its UID. Make it anew",
    0x0122: "the PACS stores no objects of this kind. Ask its administrator to allow this SOP Class",
    0x0124: "the PACS does not let this sender store. Ask its administrator",
    0xC122: "the PACS does not take its transfer syntax. Ask its administrator",
}
_RANGES = {
    0xA700: "the PACS has no room or too much to do. Run the same command again later",
    0xA900: "the PACS says that the object does not fit its SOP Class. Look at its log",
    0xC000: "the PACS cannot understand the object. Look at its log",
}
_WARNINGS = {
    0x0001: "the PACS stored it with a warning",
    0x0107: "the PACS does not know some of its attributes",
    0x0116: "the PACS found a value out of range",
    0xB000: "the PACS has changed some of its attributes (coercion)",
    0xB006: "the PACS has left out some of its attributes",
    0xB007: "the PACS stored it, though it says that it does not fit its SOP Class",
}
_NO_ROOM = range(0xA700, 0xA800)


@dataclass(frozen=True)
class Outcome:
    """What became of one object.

    Attributes:
        name: one of the words above.
        detail: the reason, or the warning; "" where there is nothing to say.
        may_pass: a refusal that may be none a little later.
    """

    name: str
    detail: str = ""
    may_pass: bool = False


def outcome_of(status: int) -> Outcome:
    """What a status of C-STORE, or a reason of STOW-RS, says; its number stands behind the words."""
    code = f"0x{status:04X}"
    if status == 0:
        return Outcome(STORED)
    if status in _WARNINGS or status & 0xF000 == 0xB000:
        return Outcome(WARNED, with_code(_WARNINGS.get(status, _WARNINGS[0x0001]), code))
    known = _REFUSALS.get(status) or _RANGES.get(status & 0xFF00) or _RANGES.get(status & 0xF000)
    why = known or "the PACS refuses it for a reason of its own. Look at its log"
    return Outcome(REFUSED, with_code(why, code), status in _NO_ROOM)


def with_code(words: str, code: str) -> str:
    """What was found with its code behind it, then what to do: "no room (0xA700). Run it again."."""
    found, stop, advice = words.partition(". ")
    return f"{found} ({code}){stop}{advice}."
