"""What became of each file of an export, and what was written about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from echocare_core.counting import counted, enumerated
from echocare_core.printable import printable
from echocare_core.result_files import DICOM, REPORT_HTML, RESULTS_CSV, SET_ASIDE_CSV
from echocare_core.types import SetAside


@dataclass(frozen=True)
class Ran:
    """What one bundle did with a file.

    Attributes:
        bundle: its name, which is that of the folder with its results.
        link: to what it says of the file, from the folder that all results stand in.
        rows: how many it has in `results.csv` of the bundle.
        doubted: how many of these are in doubt.
        is_empty: whether it looked for something and found nothing, in a cine in none of its frames.
    """

    bundle: str
    link: str
    rows: int
    doubted: int
    is_empty: bool = False


@dataclass(frozen=True)
class Route:
    """What became of one file.

    Attributes:
        source: its path, relative to the folder that was read.
        frames: how many it has; 0 where it could not be read.
        lineage: names of the nodes of the organ tree from the body region down to what it shows; empty where it could
            not be read, or looks like none of them.
        probability: 0 to 1, of the last of them, or of none of them; None where it could not be read.
        ran: the bundles that measured it.
        reason: why none did; "" where one did.
        taken_for: name of the likeliest node, by which bundles were chosen for what looks like none; else "".
        doubt: what speaks against what was judged, though each bundle by itself has no doubt; else "".
        image: its path as a table writes it; "" where no table names it.
        overlay: path of its picture in the results of the bundle that tells organs; "" where there is none.
        look: link to what that bundle said of it, from the folder that all results stand in.
    """

    source: str
    frames: int = 0
    lineage: tuple[str, ...] = ()
    probability: float | None = None
    ran: tuple[Ran, ...] = ()
    reason: str = ""
    taken_for: str = ""
    doubt: str = ""
    image: str = ""
    overlay: str = ""
    look: str = ""

    @property
    def is_unread(self) -> bool:
        """Whether nobody knows what it shows."""
        return self.probability is None

    @property
    def row(self) -> dict[str, object]:
        """Its row in `results.csv`."""
        return {
            "source": self.source,
            "image": self.image,
            "frames": self.frames or None,
            "region": self.lineage[0] if self.lineage else "",
            "organ": self.lineage[-1] if self.lineage else "",
            "probability": self.probability,
            "taken_for": self.taken_for,
            "bundles": "; ".join(one.bundle for one in self.ran),
            "results": "; ".join(one.link for one in self.ran),
            "rows": sum(one.rows for one in self.ran),
            "doubted": sum(one.doubted for one in self.ran),
            "doubt": self.doubt,
            "reason": self.reason,
        }


@dataclass(frozen=True, repr=False)
class Routed:
    """What `predict_auto` wrote; as text, how many files were measured by which bundle, and which files to look at.

    Attributes:
        folder: where it stands: `report.html`, `results.csv`, `set_aside.csv`, and a folder with the results of each
            bundle.
        routes: what became of each file, in the order of the export, those that could not be read last.
        set_aside: every file and frame that no bundle measured, and why.
    """

    folder: Path
    routes: tuple[Route, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def bundles(self) -> tuple[str, ...]:
        """Names of the bundles that measured something."""
        return tuple(sorted({ran.bundle for route in self.routes for ran in route.ran}))

    def __repr__(self) -> str:
        files = Counter(ran.bundle for route in self.routes for ran in route.ran)
        by = enumerated([f"{files[name]} by {name}" for name in self.bundles])
        measured = f"{sum(1 for route in self.routes if route.ran)} of {counted(len(self.routes), 'file')} measured"
        aside = "1 file or frame" if len(self.set_aside) == 1 else f"{len(self.set_aside)} files or frames"
        said = [f"{measured}{f': {by}' if by else ''}; {aside} set aside."]
        said += [f"  {self.folder / name}" for name in (REPORT_HTML, RESULTS_CSV, SET_ASIDE_CSV, *self.bundles)]
        said += [f"  {path}" for name in self.bundles if (path := self.folder / name / DICOM).is_dir()]
        return "\n".join(map(printable, said))

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        """The rows of `results.csv`."""
        return (route.row for route in self.routes)
