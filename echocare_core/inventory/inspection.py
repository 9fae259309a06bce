"""An export in, its inventory out: the whole path on one screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.atomic import replacing
from echocare_core.checksum import sha256_of
from echocare_core.errors import OutputError, SettingsError
from echocare_core.frames.inputs import Given, Inputs, find_inputs
from echocare_core.inventory.compare import compare_files
from echocare_core.inventory.copies import find_copies
from echocare_core.inventory.groups import check_fractions, find_groups
from echocare_core.inventory.listing import list_export
from echocare_core.inventory.needs import bundle_conditions
from echocare_core.inventory.record import read_records
from echocare_core.inventory.store import STORE_FILE, Store
from echocare_core.inventory.summary import summarise
from echocare_core.inventory.tables import TABLE, write_tables
from echocare_core.inventory.workers import Work, work_on
from echocare_core.secret import SecretKey, new_key, read_or_make_key

SUMMARY, KEY_FILE = "summary.json", "inventory.key"
BATCH = 32  # files that travel to a process at a time
ALIKE = """
    DROP TABLE IF EXISTS temp.alike;
    CREATE TEMP TABLE alike AS SELECT fingerprint FROM files WHERE usable GROUP BY fingerprint HAVING COUNT(*) > 1
"""


def inspect_export(
    export: Given,
    out: str | Path | None = None,
    *,
    split: Sequence[float] = (0.7, 0.15, 0.15),
    decoded: bool = False,
    parquet: bool = False,
    processes: int = 1,
    progress: bool = False,
) -> dict[str, Any]:
    """Say what a hospital export holds, what is usable, and what is set aside and why.

    Args:
        export: a folder of any depth, a DICOMDIR, a ZIP archive or one file; several of them, or patterns such as
            `C/*.dcm`.
        out: folder for `table.csv` (what bundles train and predict from: data_manifests/README.md), `set_aside.csv`,
            `series.csv`, `summary.json` and `inventory.sqlite`, with which the same call goes on where it was stopped
            and reads only files that are new or changed; and the key of its pseudonyms. Without it nothing is kept.
        split: shares of train, val and test.
        decoded: compare decoded frames, so that a picture is found again in another compression, and frames that
            cannot be decoded are counted. It decodes everything.
        parquet: write the table as Parquet too.
        processes: that read files. With more than one, a script that calls this needs `if __name__ == "__main__":`.
        progress: show a bar on standard error.

    Returns:
        The summary: counts by name, without a name or id of anybody. `summary.summarise` makes it.

    Raises:
        UnreadableFrames: `export` does not exist, or is a DICOMDIR that breaks off.
        SettingsError: shares that do not add up, no process, or a key file that holds none.
        OutputError: `out` is the export's own folder, cannot be written, belongs to another export, is in use, or its
            table was edited; or the export is a ZIP archive, whose files no table can name.
        BundleError: a bundle needs what there is no word for.
    """
    inputs = find_inputs(export)
    if out is not None:
        _check_apart(inputs, Path(out))
    if processes < 1:
        raise SettingsError(f"{processes} processes; needed 1 or more.")
    check_fractions(split)
    conditions = bundle_conditions()
    with ExitStack() as stack:
        folder, key = (None, new_key()) if out is None else _prepare(Path(out))
        export_paths = "\n".join(str(path.resolve()) for path in inputs.paths)
        store = Store(folder and folder / STORE_FILE, key.pseudonym("export", export_paths))
        stack.callback(store.close)
        stack.enter_context(store.faults())
        if folder is not None:
            _check_table(folder / TABLE, store)
        with _bar(progress) as bar:
            listing = bar.add_task("listing files", total=None)
            list_export(inputs, store)
            bar.remove_task(listing)
            through = partial(_work_through, store, processes, bar)
            through("reading headers", "kind IS NULL", partial(read_records, inputs.places, key), store.put_records)
            store.run(ALIKE)
            pending = "decoded_digest IS NULL" if decoded else "stored_digest IS NULL AND fingerprint IN alike"
            work = partial(compare_files, inputs.places, key, decoded)
            through("comparing pixels", f"usable AND {pending}", work, store.put_compared)
        find_groups(store, key, split, decoded=decoded)
        find_copies(store)
        summary = summarise(store, conditions)
        if folder is not None:
            _write(store, inputs.root, folder, summary, parquet=parquet)
    return summary


def _check_apart(inputs: Inputs, out: Path) -> None:
    """OutputError where an inventory cannot stand there, or its table could name no files."""
    folders = (path if path.is_dir() else path.parent for path in inputs.paths)
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise OutputError(
            "The inventory and the export would share a folder, which then counts as an inventory; needed another one. "
            "Choose a folder beside the export."
        )
    if inputs.archives:
        raise OutputError(
            f"{next(iter(inputs.archives)).name} is a ZIP archive, whose files no table can name; needed files on the "
            "disk. Unpack it and give its folder, or leave the tables away."
        )


def _work_through(
    store: Store,
    processes: int,
    bar: Progress,
    label: str,
    condition: str,
    work: Work[Any],
    keep: Callable[[Iterator[tuple[str, Any]]], None],
) -> None:
    """Do the work on every file that fulfils an SQL condition, and keep each batch of results as it comes."""
    task = bar.add_task(label, total=store.count(condition))
    batches = (page[start : start + BATCH] for page in store.pages(condition) for start in range(0, len(page), BATCH))
    for batch, results in work_on(batches, work, processes):
        keep(zip(batch, results, strict=True))
        bar.advance(task, len(batch))


def _bar(shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown)


def _prepare(folder: Path) -> tuple[Path, SecretKey]:
    """Make the folder if need be; the folder and the key kept in it.

    A key that was copied there before the first run is used: two exports then share their pseudonyms.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / STORE_FILE).exists() and not (folder / KEY_FILE).exists():
            raise OutputError(
                f"{KEY_FILE} is missing; the inventory beside it can only go on with its own. Restore it, or name a "
                "new folder."
            )
        return folder, read_or_make_key(folder / KEY_FILE)
    except OSError as fault:
        raise OutputError(f"{folder} cannot be written ({fault.strerror}). Choose another folder.") from fault


def _check_table(table: Path, store: Store) -> None:
    """Refuse to replace a table that somebody has filled in."""
    if table.exists() and sha256_of(table) != store.one("SELECT value FROM about WHERE key = 'table'"):
        raise OutputError(
            f"{table} was edited, or made by somebody else; it would be replaced. Give it another name in the same "
            f"folder, so that its paths stay right, and say --dataset_dir {table.parent}/NAME.csv to use it."
        )


def _write(store: Store, root: Path, folder: Path, summary: dict[str, Any], *, parquet: bool) -> None:
    try:
        write_tables(store, root, folder, parquet=parquet)
        store.database.execute("INSERT OR REPLACE INTO about VALUES ('table', ?)", [sha256_of(folder / TABLE)])
        with replacing(folder / SUMMARY) as unfinished:
            unfinished.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except OSError as fault:
        raise OutputError(f"{folder} cannot be written ({fault.strerror}). Choose another folder.") from fault
