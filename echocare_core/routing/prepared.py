"""A run over several bundles in a hidden folder: moved into place at its end, kept for the same command if stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from echocare_core.bundle import own_weights_sha256, read_identity
from echocare_core.disk import explained
from echocare_core.errors import BundleError, OutputError
from echocare_core.frames.export import Export
from echocare_core.result_files import REPORT_HTML, RESULTS_CSV, TABLES_AND_PAGE
from echocare_core.results.progress import Trail
from echocare_core.results.staging import Staging, settle
from echocare_core.routing.table import is_routes_csv, read_bundles
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.version import __version__

_MADE_OF = "made_of.json"


class _MadeOf(NamedTuple):
    """Checksums over all that the results depend on.

    Attributes:
        asked: of the images, the settings and the bundle that says what the images show.
        bundles: name of each bundle that may run on some of them -> that of its weights and version.
    """

    asked: str
    bundles: Mapping[str, str]

    def has(self, name: str, earlier: _MadeOf) -> bool:
        """Whether what an earlier run left under a name is what this one would do; tables are written anew anyhow."""
        return self.asked == earlier.asked and self.bundles.get(name) == earlier.bundles.get(name)


class Prepared:
    """The hidden folder of a run, with the results of each bundle in a folder of its own.

    Left by an error or by who stops the run, it keeps what bundles have done, for the same command; where none has done
    anything, the disk is as it was.

    Attributes:
        path: to write into.
    """

    def __init__(
        self,
        out: Path,
        export: Export,
        recogniser: Path,
        bundles: Sequence[Path],
        settings: Mapping[str, Any],
        overwrite: bool,
    ) -> None:
        """Take the folder.

        Args:
            out: where the results will stand.
            export: what is read.
            recogniser: folder of the bundle that says what the images show.
            bundles: folders of all that may run on some of them.
            settings: of all of them.
            overwrite: give up what another command has done there.

        Raises:
            OutputError: it cannot be written, or another command was stopped in it.
        """
        self._staging = Staging(out, going_on=True)
        self.path = self._staging.path
        try:
            with explained(out):
                self._take(_made_of(export, recogniser, bundles, settings), overwrite)
        except BaseException:
            self._staging.release()
            raise

    def __enter__(self) -> Prepared:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if any(path.is_dir() for path in self.path.glob("*")):
            self._staging.release()
        else:
            self._staging.discard()

    def finish(self, bundles: Sequence[str]) -> None:
        """Move the page, the tables and the results of these bundles into place, where those of an earlier run go."""
        former = read_bundles(self._staging.folder / RESULTS_CSV)
        self._staging.move_in(tuple(dict.fromkeys([*bundles, *former, *TABLES_AND_PAGE])))

    def _take(self, made_of: _MadeOf, overwrite: bool) -> None:
        note = self.path / _MADE_OF
        earlier = _read_made_of(note)
        of_another = [path for path in self.path.iterdir() if path != note and not made_of.has(path.name, earlier)]
        if of_another and not overwrite:
            raise OutputError(
                f"{self.path} holds what was done before, with other settings, bundles or images; it would be "
                "lost. Run the command that was stopped once more to finish it, choose another folder, or give it "
                "up with --overwrite."
            )
        for path in of_another:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        note.write_text(json.dumps(made_of._asdict()), encoding="ascii")


def is_finished(folder: Path) -> bool:
    """Whether a bundle has come to its end there."""
    if folder.is_dir():
        settle(folder)
    return (folder / REPORT_HTML).is_file()


def check_free(out: Path, overwrite: bool, bundles: Sequence[str]) -> None:
    """Raise OutputError where the folder is a file, or holds what the results would replace."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; a folder for the results is needed. Choose another name.")
    taken = [name for name in (*bundles, *TABLES_AND_PAGE) if (out / name).exists()]
    if taken and not is_routes_csv(out / RESULTS_CSV):
        raise OutputError(
            f"{out} holds {' and '.join(taken)}, not written by an earlier run of the kind; a folder without them is "
            "needed, since results replace them. Choose another folder."
        )
    if taken and not overwrite:
        raise OutputError(
            f"{out} holds {', '.join(taken)} of an earlier run; an empty or new folder is needed."
            " Choose another folder, or replace those results with --overwrite."
        )


def _made_of(export: Export, recogniser: Path, bundles: Sequence[Path], settings: Mapping[str, Any]) -> _MadeOf:
    dataset = ExportDataset(export, dict)
    files = Trail(dataset).checksum(dataset.number_of_items)
    asked = [__version__, files, _state_of(recogniser), sorted(settings.items())]
    return _MadeOf(_checksum(asked), {one.name: _checksum(_state_of(one)) for one in bundles})


def _state_of(bundle: Path) -> list[str | None]:
    """Name, version and weights of a bundle; why they are not known, where it is broken, which its run will say."""
    try:
        return [*read_identity(bundle).values(), own_weights_sha256(bundle)]
    except BundleError as error:
        return [str(error)]


def _checksum(known: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(known, default=str).encode()).hexdigest()


def _read_made_of(note: Path) -> _MadeOf:
    """What an earlier run noted; nothing where it noted none, or was killed while it did."""
    try:
        return _MadeOf(**json.loads(note.read_text(encoding="ascii")))
    except (FileNotFoundError, ValueError, TypeError):
        return _MadeOf("", {})
