"""What a run leaves: who said it, its rows and what stands behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from echocare_core.counting import counted, enumerated
from echocare_core.errors import BundleError
from echocare_core.printable import printable
from echocare_core.result_files import DICOM, ORIGIN_JSON, REPORT_HTML, RESULTS_CSV, SET_ASIDE_CSV, WITHOUT_OBJECTS_CSV
from echocare_core.types.origin import Origin
from echocare_core.types.outputs import Output
from echocare_core.types.scans import SetAside


@dataclass(frozen=True)
class Plausible:
    """Between which numbers a measurement is believed.

    Attributes:
        low: the smallest that is.
        high: the largest.
        source: where both come from.
    """

    low: float
    high: float
    source: str

    @classmethod
    def of_entry(cls, name: str, entry: Any) -> Plausible:
        """From the metadata of a bundle: {"range": [smallest, largest], "source": "where both come from"}.

        Raises:
            BundleError: an entry without two numbers in order, or without their source; the message has its `name`.
        """
        try:
            low, high = map(float, entry["range"])
            if low < high and entry["source"].strip():
                return cls(low, high, entry["source"])
        except (TypeError, ValueError, KeyError, AttributeError):
            pass
        raise BundleError(
            f"{name} under plausible in metadata.json is no range; needed two numbers in order and where they come "
            'from: {"range": [40, 360], "source": "..."}. Write it so.'
        )


class Code(NamedTuple):
    """A word that other programs understand (DICOM PS3.3 8.8).

    Attributes:
        value: such as "69536005".
        scheme: that defines it: "SCT" (SNOMED CT), "LN" (LOINC), "DCM", "UCUM"; one that begins with 99 is private.
        meaning: in English, such as "Head".
    """

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Codes:
    """Codes of what a bundle says.

    Attributes:
        labels: of masks -> category and type of what is outlined (PS3.16 CID 7150, CID 7151 and others).
        measurements: by name without unit -> what was measured.
    """

    labels: Mapping[str, tuple[Code, Code]] = field(default_factory=dict)
    measurements: Mapping[str, Code] = field(default_factory=dict)

    @classmethod
    def of_entry(cls, entry: Any) -> Codes:
        """From `dicom` in the metadata of a bundle.

        Such as {"labels": {"head": {"category": [code, scheme, meaning], "type": [...]}},
        "measurements": {"head_circumference": [code, scheme, meaning]}}.

        Raises:
            BundleError: it is not made so.
        """
        try:
            labels = {name: (_code(one["category"]), _code(one["type"])) for name, one in entry["labels"].items()}
            return cls(labels, {name: _code(one) for name, one in entry["measurements"].items()})
        except (TypeError, ValueError, KeyError, AttributeError):
            raise BundleError(
                'dicom in metadata.json has no codes; needed {"labels": {NAME: {"category": CODE, "type": CODE}}, '
                '"measurements": {NAME: CODE}}, where CODE is ["69536005", "SCT", "Head"]. Write it so.'
            ) from None


def _code(entry: Any) -> Code:
    value, scheme, meaning = entry
    if not all(isinstance(part, str) and part.strip() for part in entry) or len(value) > 16 or len(scheme) > 16:
        raise ValueError("no code")
    return Code(value, scheme, meaning)


@dataclass(frozen=True)
class BundleCard:
    """What a report says about the bundle that made it.

    Attributes:
        name: folder name of the bundle.
        version: of its metadata.
        title: what it does, in a few words.
        intended_use: for whom and what it is, and is not.
        weights_sha256: checksum of the weight file that was loaded.
        plausible: what is believed, by column of `results.csv`, or by "NAME / NAME" for a quotient of two measurements;
            outside of it a number is marked, never left out.
        codes: of what it says, for DICOM objects.
        caution: a sentence that speaks against everything it says, such as that it was never trained for this organ; it
            stands among the doubts of every row.
    """

    name: str
    version: str
    title: str
    intended_use: str
    weights_sha256: str
    plausible: Mapping[str, Plausible] = field(default_factory=dict)
    codes: Codes = field(default_factory=Codes)
    caution: str = ""


@dataclass(frozen=True)
class Details:
    """What a row of `results.csv` is about, without the pixels, which stand in files.

    Attributes:
        outputs: what the bundle says; masks, pictures and the lines of measurements are left out.
        overlay_px: (height, width) of the frame in its overlay, above the words; None where there is none.
        nothing_found: whether it marks places in the frame, by a mask, boxes or points, and has marked none.
        doubts: what speaks against its numbers, (words, what was found, column or "") each.
        labels: name of each value of its mask; empty where it has none.
        lines: file of the lines of its measurements, while the run lasts (`results.lines`); "" where there are none.
    """

    outputs: tuple[Output, ...]
    overlay_px: tuple[int, int] | None
    nothing_found: bool
    doubts: tuple[tuple[str, str, str], ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    lines: str = ""


@dataclass(frozen=True)
class Objects:
    """What a run left as DICOM objects.

    Attributes:
        number: of objects.
        without: files of which there is none, or none of some kind, and why.
    """

    number: int
    without: tuple[SetAside, ...] = ()


@dataclass(frozen=True, repr=False)
class Results:
    """What one run wrote; as text, how much was measured and which files to look at.

    Attributes:
        folder: where it stands: `report.html`, `results.csv`, `set_aside.csv`, and what the kinds of output add, as
            `masks/`.
        rows: one mapping per frame, cine or study, the columns of `results.csv`.
        set_aside: what was not used, and why.
        details: of each row.
        tables: names of the tables that kinds of output added, as "boxes.csv".
        origin: how they were made; None of several runs, and where whoever wrote them did not say.
        objects: what is there as DICOM objects; None where none were asked for.
    """

    folder: Path
    rows: tuple[Mapping[str, object], ...] = ()
    set_aside: tuple[SetAside, ...] = field(default=())
    details: tuple[Details, ...] = ()
    tables: tuple[str, ...] = ()
    origin: Origin | None = None
    objects: Objects | None = None

    def __repr__(self) -> str:
        levels = Counter(str(row.get("level", "frame")) for row in self.rows)
        measured = enumerated([counted(number, level) for level, number in levels.items()])
        aside = "1 file or frame" if len(self.set_aside) == 1 else f"{len(self.set_aside)} files or frames"
        origin = (ORIGIN_JSON,) if self.origin else ()
        files = (REPORT_HTML, RESULTS_CSV, *self.tables, SET_ASIDE_CSV, *origin)
        said = [f"{measured} measured, {aside} set aside."]
        if self.objects is not None:
            said.append(f"{counted(self.objects.number, 'DICOM object')} written{self._without()}.")
        said += [f"  {self.folder / name}" for name in (*files, *((DICOM,) if self.objects else ()))]
        return "\n".join(map(printable, said))

    def _without(self) -> str:
        """How many files lack one, and where it stands why."""
        lacking = len({one.source for one in self.objects.without}) if self.objects else 0
        return f", {counted(lacking, 'file')} without (see {WITHOUT_OBJECTS_CSV})" if lacking else ""

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        return iter(self.rows)
