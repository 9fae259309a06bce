"""What a fine-tuning is asked for: refused where it cannot end well, and noted in OUT, where the same goes on alone."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from echocare_core.atomic import replacing
from echocare_core.bundle import WEIGHTS, is_name, read_identity
from echocare_core.checksum import sha256_of
from echocare_core.counting import enumerated
from echocare_core.errors import OutputError, SettingsError
from echocare_core.finetuning.cases import Cases
from echocare_core.finetuning.new_bundle import names_beside
from echocare_core.frames.manifest import FILES
from echocare_core.frames.mask_files import split_masks
from echocare_core.kinds import OUTPUTS
from echocare_core.result_files import REPORT_HTML
from echocare_core.training.checkpoint_file import LATEST
from echocare_core.training.dataset import LOADING_THREADS
from echocare_core.training.settings import content_of

IMAGES, RUN, BEFORE, AFTER = "images", "training", "before", "after"  # folders in OUT
ASKED = "asked.json"
OTHER = {  # what may be another than when it was begun, in words
    "bundle": "another bundle",
    "name": "another name",
    "table": "another table",
    "files": "images or masks that held something else",
    "settings": "other settings",
}
OF_THE_BUNDLE = (  # what the new bundle's inference.json says as well, and what this command gives itself
    *("bundle_root", "dataset_dir", "output_dir", "weights", "image_size", "network_def"),
    *("encoder", "encoder_weights", "decoder_weights", "columns", *OUTPUTS),
)
logger = logging.getLogger(__name__)


def check_asked(folder: Path, out: Path, name: str, settings: Mapping[str, Any]) -> None:
    """Refuse, before anything is read, what would fail at the end, or replace what is not ours."""
    if not is_name(name) or name.startswith(".") or name in (IMAGES, RUN, BEFORE, AFTER, folder.name):
        raise SettingsError(f"The new bundle cannot be called '{name}'; needed a name of its own. Choose another.")
    if out.resolve() == folder or folder in out.resolve().parents:
        raise OutputError(f"{out} lies in the bundle {folder.name}; needed a folder elsewhere. Choose another.")
    if (out / REPORT_HTML).exists():
        raise OutputError(
            f"{out} holds a finished fine-tuning; needed a folder without one. Choose another OUT, or take it away."
        )
    wrong = sorted(key for key in settings if key.partition("#")[0] in OF_THE_BUNDLE)
    if wrong:
        raise SettingsError(
            f"{wrong[0]} cannot be set here: the new bundle keeps what its inference.json says of it. Leave it out, or "
            f"train with `python -m monai.bundle run`."
        )
    _check_free(out, name)


def _check_free(out: Path, name: str) -> None:
    """Refuse a folder where no fine-tuning was begun and something has the name of what one writes there."""
    if (out / ASKED).is_file():
        return
    _refuse_there(out, (IMAGES, RUN, BEFORE, AFTER, name, *names_beside(name)))


def _refuse_there(out: Path, own: Sequence[str]) -> None:
    """OutputError where something that no fine-tuning wrote has a name of what one writes."""
    if there := [one for one in own if os.path.lexists(out / one)]:
        raise OutputError(
            f"{out} holds {', '.join(there)}, which no fine-tuning here wrote; needed a folder without, for nothing of "
            f"yours is replaced. Choose another OUT, such as a new folder."
        )


def describe_asked(folder: Path, name: str, cases: Cases, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for; a call that asks for the same goes on: bundle, name, table, files and settings."""
    return {
        "bundle": {**read_identity(folder), "sha256": sha256_of(folder / WEIGHTS)},
        "name": name,
        "table": hashlib.sha256(cases.text.encode()).hexdigest(),
        "files": _checksum_of_files(cases),
        "settings": {key: str(value) for key, value in settings.items()},
    }


def check_same(out: Path, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with what was begun with another table, bundle or settings, or with files that have changed.

    Where nothing was trained yet, `begin` gives that up; refused is only a new name that something else has there.
    """
    changed = _find_changed(out, asked)
    if changed and any((out / RUN).glob(f"*{Path(LATEST).suffix}")):
        raise OutputError(
            f"{out} holds a fine-tuning with {enumerated(changed)}; needed the same to go on. Choose another OUT."
        )
    if OTHER["name"] in changed:
        _refuse_there(out, (asked["name"], *names_beside(asked["name"])))


def begin(out: Path, asked: Mapping[str, Any]) -> None:
    """Note what is asked for, and take away the evaluations of what was begun otherwise.

    It comes before anything else is written: what lies beside the note is known to be ours.
    """
    if changed := _find_changed(out, asked):
        logger.warning("%s: what was begun with %s is given up; nothing was trained yet.", out, enumerated(changed))
        for folder in (BEFORE, RUN):
            shutil.rmtree(out / folder, ignore_errors=True)
    with replacing(out / ASKED) as unfinished:
        unfinished.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")


def _find_changed(out: Path, asked: Mapping[str, Any]) -> list[str]:
    """With what else a fine-tuning was begun, in words; nothing where none was."""
    path = out / ASKED
    begun = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else asked
    return [other for key, other in OTHER.items() if begun.get(key) != asked[key]]


def _checksum_of_files(cases: Cases) -> str:
    """Of what all images and masks hold that are used, in the order of the table; of one that is not there, of nothing.

    A mask that is drawn anew under the same name leaves the table as it was, and every number before it wrong.
    """
    used, folder = cases.used, cases.source.parent
    cells = [cell for name in FILES if name in used for cell in used[name] if cell]
    paths = dict.fromkeys(folder / name for cell in cells for name in split_masks(cell, folder))
    with ThreadPoolExecutor(LOADING_THREADS) as threads:
        contents = threads.map(lambda path: content_of(path) if path.is_file() else "", paths)
        return hashlib.sha256("\n".join(contents).encode()).hexdigest()
