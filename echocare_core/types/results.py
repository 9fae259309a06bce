"""What a run leaves: who said it, its rows and what stands behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from echocare_core.counting import counted, enumerated
from echocare_core.printable import printable
from echocare_core.result_files import REPORT_HTML, RESULTS_CSV, SET_ASIDE_CSV
from echocare_core.types.origin import Origin
from echocare_core.types.outputs import Output
from echocare_core.types.scans import SetAside


@dataclass(frozen=True)
class BundleCard:
    """What a report says about the bundle that made it.

    Attributes:
        name: folder name of the bundle.
        version: of its metadata.
        title: what it does, in a few words.
        intended_use: for whom and what it is, and is not.
        weights_sha256: checksum of the weight file that was loaded.
    """

    name: str
    version: str
    title: str
    intended_use: str
    weights_sha256: str


@dataclass(frozen=True)
class Details:
    """What a row of `results.csv` is about, without the pixels, which stand in files.

    Attributes:
        outputs: what the bundle says; masks, pictures and the lines of measurements are left out.
        overlay_px: (height, width) of the frame in its overlay, above the words; None where there is none.
        nothing_found: whether it marks places in the frame, by a mask, boxes or points, and has marked none.
    """

    outputs: tuple[Output, ...]
    overlay_px: tuple[int, int] | None
    nothing_found: bool


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
    """

    folder: Path
    rows: tuple[Mapping[str, object], ...] = ()
    set_aside: tuple[SetAside, ...] = field(default=())
    details: tuple[Details, ...] = ()
    tables: tuple[str, ...] = ()
    origin: Origin | None = None

    def __repr__(self) -> str:
        levels = Counter(str(row.get("level", "frame")) for row in self.rows)
        measured = enumerated([counted(number, level) for level, number in levels.items()])
        aside = "1 file or frame" if len(self.set_aside) == 1 else f"{len(self.set_aside)} files or frames"
        files = (REPORT_HTML, RESULTS_CSV, *self.tables, SET_ASIDE_CSV)
        said = (f"{measured} measured, {aside} set aside.", *(f"  {self.folder / name}" for name in files))
        return "\n".join(map(printable, said))

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        return iter(self.rows)
