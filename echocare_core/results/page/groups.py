"""What stands on one card of the page, and under which folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from echocare_core.results.page.entry import Entry


def groups_of(entries: Sequence[Entry]) -> list[list[Entry]]:
    """What stands on one card: a study, a cine, or the frames of a file; each study before its files.

    Studies and files come in the order of the export.
    """
    files: dict[object, int] = {}
    for entry in entries:
        if entry.level != "study":
            files.setdefault(entry.row["source"], len(files))

    def place(entry: Entry) -> tuple[int, int, int]:
        study = entry.row.get("study")
        file = -1 if entry.level == "study" else files[entry.row["source"]]
        return (study if isinstance(study, int) else 0, file, entry.level == "frame")

    return [list(group) for _, group in groupby(sorted(entries, key=place), key=place)]


def folders_of(sources: Sequence[str | None]) -> Iterator[tuple[str, bool]]:
    """For each source its folder, with a slash, and whether it begins there.

    A folder of a single file is no folder to be named by itself: it is "".

    Args:
        sources: in the order of the page; None for what is no file.
    """
    folders = [None if source is None else source[: source.rfind("/") + 1] for source in sources]
    for folder, run in groupby(folders):
        size = len(list(run))
        for number in range(size):
            yield (folder, number == 0) if folder and size > 1 else ("", False)
