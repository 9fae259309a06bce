"""A summary for people, in a terminal or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from echocare_core.counting import counted
from echocare_core.inventory.groups import SPLITS
from echocare_core.printable import printable

MEGABYTE = 1_000_000
TITLES = {
    "modalities": "modality, of all",
    "transfer_syntaxes": "transfer syntax",
    "scanners": "scanner model",
    "body_parts": "body part examined",
    "regions": "kinds of region",
    "burned_in_annotation": "text burned in, says the header",
}
VALUES_SHOWN = 8


def show(summary: Mapping[str, Any], console: Console) -> None:
    """Print a summary of `inspect_export` as tables."""
    readable = summary["usable"]  # of headers alone nobody knows more
    console.print(
        f"{_number(summary['files'], 'file')}, {summary['bytes'] / MEGABYTE:,.1f} MB: "
        f"{_number(summary['dicom_objects'], 'DICOM object')} in {_number(summary['studies'], 'study')} and "
        f"{summary['series']:,} series.\n"
        f"{readable['files']:,} readable: {_number(readable['stills'], 'still')}, "
        f"{_number(readable['cines'], 'cine')}, {_number(readable['frames'], 'frame')}; "
        f"{readable['calibrated']:,} calibrated, {_number(readable['timed_cines'], 'cine')} with times.",
        highlight=False,
    )
    for line in _findings(summary):
        console.print(f"- {line}", highlight=False)
    headers = (row for key, title in TITLES.items() for row in _commonest(title, summary[key]))
    _print(console, ("DICOM objects, readable ones", "", "files"), headers)
    bundles = ((name, one["files"], one["calibrated"], one["frames"]) for name, one in summary["bundles"].items())
    _print(console, ("readable, for the bundle", "files", "of them in mm", "frames"), bundles)
    splits = ((name, one["groups"], one["files"], one["frames"]) for name, one in summary["splits"].items())
    _print(console, ("split", "groups", "files", "frames"), splits)
    aside = [(one["reason"], one["files"]) for one in summary["set_aside"]["reasons"]]
    others = summary["set_aside"]["files_with_other_reasons"]
    _print(console, ("set aside, because it", "files"), aside + ([("for other reasons", others)] if others else []))


def _findings(summary: Mapping[str, Any]) -> list[str]:
    """What somebody should know before using the export, one line each; only what is there."""
    identity, copies, groups = summary["identity"], summary["copies"], summary["groups"]
    listed = summary["dicomdir"] or {"missing": 0, "unlisted": 0}
    files, largest = summary["usable"]["files"], groups["files_in_largest"]
    found = [  # how many, of what, and what of one and of several
        (copies["same_object"], "file", "is", "are", "the same object or picture file again; set aside."),
        (copies["links"], "file", "is", "are", "another name of a file that is read; set aside."),
        (copies["same_pixels"], "file", "shows", "show", "pixels of another one; split 'duplicate' in the table."),
        (copies["uid_with_other_pixels"], "file", "has", "have", "the UID of other pixels: a conflict, both are kept."),
        (identity["files_with_blank_patient_id"], "readable file", "has", "have", "a blank Patient ID; by study."),
        (
            *(identity["files_with_placeholder_patient_id"], "readable file", "has", "have"),
            "a Patient ID such as ANONYMOUS or 0; by study.",
        ),
        (
            *(identity["patient_ids_of_several_people"], "Patient ID", "has", "have"),
            "several birth dates or sexes; not believed.",
        ),
        (identity["studies_of_several_people"], "study", "has", "have", "several birth dates or sexes; not believed."),
        (
            identity["pictures_common_to_several_people"],
            "picture",
            "occurs",
            "occur",
            "with several people; in no split.",
        ),
        (
            groups.get("by_folder", 0),
            "group",
            "is a folder",
            "are folders",
            "for want of ids: name the patients yourself.",
        ),
        (summary["damaged_frames"], "frame", "cannot", "cannot", "be decoded."),
        (listed["missing"], "file", "is", "are", "listed by the DICOMDIR and not there."),
        (listed["unlisted"], "file", "is", "are", "not listed by the DICOMDIR."),
    ]
    lines = [
        f"{_number(count, noun)} {one if count == 1 else several} {what}"
        for count, noun, one, several, what in found
        if count
    ]
    empty = [name for name in SPLITS if name not in summary["splits"]] if files else []
    if empty:
        lines.append(
            f"No group fell into {', '.join(empty)}: there are few. Choose other shares, or split them by hand."
        )
    if groups["groups"] > 1 and largest > files / 2:
        lines.append(f"One group has {largest:,} of {files:,} readable files: is that one patient?")
    return lines


def _number(count: int, noun: str) -> str:
    return counted(count, noun).replace(str(count), f"{count:,}", 1)


def _commonest(title: str, counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Rows of a table for the commonest values of one attribute, its title beside the first; the rest in one row."""
    values = list(counts.items())
    rest = values[VALUES_SHOWN:]
    shown = values[:VALUES_SHOWN] + ([(f"{len(rest)} others", sum(files for _, files in rest))] if rest else [])
    return [(title if number == 0 else "", value, files) for number, (value, files) in enumerate(shown)]


def _print(console: Console, columns: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]) -> None:
    """A table, unless it has no rows: text to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        if not table.columns:
            for column, cell in zip(columns, row, strict=True):
                table.add_column(column, justify="right" if isinstance(cell, int) else "left")
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(printable(cell)) for cell in row))
    if table.row_count:
        console.print()
        console.print(table, highlight=False)
