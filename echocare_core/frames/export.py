"""A hospital export, files and folders of any depth: what is usable, and what is set aside and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain, filterfalse
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.inputs import TABLES, Given, Inputs, find_inputs
from echocare_core.frames.policy import LINK, copy_reason, find_copies, find_links, use
from echocare_core.frames.read import FORMATS, read_frames
from echocare_core.result_files import TABLES_AND_PAGE
from echocare_core.types import Frames, JoinKeys, SetAside

COMMONEST = 3
INVENTORY = "inventory.sqlite"  # what an inventory of an export leaves
UNFINISHED = (".echocare-*", ".*-unfinished*")  # folders and files that this package is at work on, or was


@dataclass(frozen=True)
class Export:
    """The files of one export.

    Attributes:
        inputs: what was given, and how files in it are called.
        files: the usable ones in the order of their paths, of a table in that of its rows; headers are read, frames are
            not decoded yet.
        set_aside: every other file, with the reason.
        chosen: which frames to use and in which order, for paths of files of which only some are wanted.
        turns: of a table, which frames of which file its rows name one after the other; it may come back to a file.
        names: paths as a table writes them.
        groups: to whom files belong, where a table says so; a group may be a patient's ID, so no log or message has it.
    """

    inputs: Inputs
    files: tuple[Frames, ...]
    set_aside: tuple[SetAside, ...] = ()
    chosen: Mapping[Path, Sequence[int]] = field(default_factory=dict)
    turns: tuple[tuple[Path, Sequence[int]], ...] = ()
    names: Mapping[Path, str] = field(default_factory=dict)
    groups: Mapping[Path, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that sources are relative to."""
        return self.inputs.root

    @property
    def number_of_frames(self) -> int:
        """Frames of all usable files together, as far as they are wanted."""
        return sum(len(self.numbers_of(frames)) for frames in self.files)

    def numbers_of(self, frames: Frames) -> Sequence[int]:
        """The frames of a file that are wanted, 0-based, in the order in which they are."""
        return self.chosen.get(frames.path, range(len(frames)))

    def in_order(self) -> Iterator[tuple[Frames, Sequence[int]]]:
        """Every file with its frames that are wanted; a file comes again where a table comes back to it."""
        files = {frames.path: frames for frames in self.files}
        turns = self.turns or ((path, self.numbers_of(frames)) for path, frames in files.items())
        return ((files[path], numbers) for path, numbers in turns)

    def only(self, wanted: Mapping[Path, Sequence[int]]) -> Export:
        """The same with some of its files alone, and of these some frames; what was set aside is left out.

        Args:
            wanted: paths of files, and the 0-based numbers of the frames to use, in their order.
        """
        files = tuple(frames for frames in self.files if frames.path in wanted)
        named = {path: set(numbers) for path, numbers in wanted.items()}
        turns = ((path, [one for one in numbers if one in named.get(path, ())]) for path, numbers in self.turns)
        kept = tuple((path, numbers) for path, numbers in turns if numbers)
        return replace(self, files=files, set_aside=(), chosen=dict(wanted), turns=kept)

    def source_of(self, frames: Frames) -> str:
        """Path of a file relative to `root`, with forward slashes on every system."""
        return self.inputs.source_of(frames.path)

    def aside(self, frames: Frames, reason: str, number: int | None = None) -> SetAside:
        """A usable file, or one frame of it, that was not used after all, and why."""
        return SetAside(self.source_of(frames), reason, number, self.names.get(frames.path, ""))

    def keys_of(self, frames: Frames) -> JoinKeys:
        """By what rows about a file join other tables."""
        return JoinKeys(
            image=self.names.get(frames.path, ""),
            group=self.groups.get(frames.path, ""),
            sop_instance_uid=frames.instance_uid,
            series_instance_uid=frames.series_uid,
            study_instance_uid=frames.study_uid,
        )


def study_numbers(export: Export) -> dict[Path, int]:
    """Number of the study of each file, from 1 in the order of the export.

    Files are of one study where they have one StudyInstanceUID; those without one where a table puts them into one
    group, else where they stand in one folder.
    """
    keys = {
        one.path: ("uid", one.study_uid) if one.study_uid
        else ("group", export.groups[one.path]) if one.path in export.groups
        else ("folder", str(one.path.parent))
        for one in export.files
    }  # fmt: skip
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys.values()), start=1)}
    return {path: numbers[key] for path, key in keys.items()}


def read_export(given: Given) -> Export:
    """Read the header of every file in an export; one bad file is set aside by name, never fatal to the rest, and so is
    what `policy` says is not used.

    Args:
        given: a file, folder or ZIP archive, or several, or patterns of them (`inputs.find_inputs`); file names and
            extensions do not matter, linked folders are not entered.

    Raises:
        UnreadableFrames: a path does not exist, or nothing usable is there; the sentence counts the reasons.
    """
    inputs = find_inputs(given)
    if inputs.single:
        return Export(inputs, (use(read_frames(inputs.single)),))
    files, faults = _read_used(inputs)
    if not files:
        where = inputs.root if len(inputs.paths) > 1 else inputs.paths[0]
        raise UnreadableFrames(where, _why_nothing_is_usable(faults))
    set_aside = (SetAside(inputs.source_of(fault.path), str(fault)) for fault in faults)
    return Export(inputs, tuple(files), tuple(set_aside))


def _read_used(inputs: Inputs) -> tuple[list[Frames], list[UnreadableFrames]]:
    """The files that are used, and why each other one is not."""
    files: list[Frames] = []
    faults: list[UnreadableFrames] = []
    paths = list(walk_inputs(inputs, faults.append))
    links = find_links(paths, inputs.source_of)
    for path in paths:
        try:
            if path in links:
                raise UnreadableFrames(path, LINK.format(first=inputs.source_of(links[path])))
            _check_no_table(path, inputs)
            files.append(use(read_frames(path)))
        except UnreadableFrames as fault:
            faults.append(fault)
    copies = find_copies(files, inputs.source_of)
    for frames in files:
        if frames.path in copies:
            first = inputs.source_of(copies[frames.path])
            faults.append(UnreadableFrames(frames.path, copy_reason(frames).format(first=first)))
    return [frames for frames in files if frames.path not in copies], faults


def _check_no_table(path: Path, inputs: Inputs) -> None:
    if path.suffix.lower() in TABLES and path in inputs.paths:
        raise UnreadableFrames(path, "is a table, which names files by itself. Give it alone.")


def walk_inputs(inputs: Inputs, set_aside: Callable[[UnreadableFrames], None]) -> Iterator[Path]:
    """All files that were given or lie in a folder or archive that was, each once; as `walk_export`."""

    def walk(path: Path) -> Iterable[Path]:
        if path in inputs.archives:
            for fault in inputs.archives[path].set_aside:
                set_aside(fault)
            return walk_export(inputs.archives[path].folder, set_aside)
        return walk_export(path, set_aside) if path.is_dir() else [path]

    every = chain.from_iterable(walk(path) for path in inputs.paths)
    yield from dict.fromkeys(every) if len(inputs.paths) > 1 else every


def walk_export(root: Path, set_aside: Callable[[UnreadableFrames], None]) -> Iterator[Path]:
    """All files below a folder, sorted, one after the other, but what this package has not finished; linked folders are
    not entered.

    Args:
        root: the folder.
        set_aside: told of each folder that is linked, cannot be listed, or holds what this package wrote.
    """

    def unlisted(fault: OSError) -> None:
        reason = f"is a folder that cannot be listed ({fault.strerror}). Check its permissions."
        set_aside(UnreadableFrames(Path(fault.filename), reason))

    for name, folders, names in os.walk(root, onerror=unlisted):
        folder = Path(name)
        for linked in sorted(name for name in folders if (folder / name).is_symlink()):
            reason = "is a linked folder, which is not entered. Give it by itself."
            set_aside(UnreadableFrames(folder / linked, reason))
        folders[:] = sorted(filterfalse(_is_unfinished, folders))
        run = "results of an earlier run" if {*TABLES_AND_PAGE} <= set(names) else ""
        written = run or ("an inventory" if INVENTORY in names else "")
        if written:
            set_aside(UnreadableFrames(folder, f"holds {written}, not images."))
            folders.clear()
            continue
        yield from (folder / name for name in sorted(filterfalse(_is_unfinished, names)))


def _is_unfinished(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in UNFINISHED)


def _why_nothing_is_usable(faults: list[UnreadableFrames]) -> str:
    needed = f"Needed ultrasound in {FORMATS}. Check that the export holds the images of the study."
    if not faults:
        return f"is empty: no file was found in it. {needed}"
    reasons = Counter(fault.reason for fault in faults)
    counted = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in reasons.most_common(COMMONEST))
    return f"has no usable file among {len(faults)} looked at ({counted}). {needed}"
