"""Check a bundle: what MONAI, its Model Zoo, MONAI Label and this package need of it, each by name, and offline."""

from __future__ import annotations

import logging
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.bundle import find_bundle
from echocare_core.checks import card, codes, configurations, files, meant, network, ranges
from echocare_core.checks.finding import Check, Finding, Note
from echocare_core.errors import BundleError, own_cause

__all__ = ["CHECKS", "Check", "Finding", "Note", "check", "check_passes", "run_check"]

CHECKS = (
    Check("files", files.check_files),
    Check("no code", files.check_no_code),
    Check("no macros", files.check_no_macros),
    Check("large files", files.check_large_files),
    Check("name", files.check_name),
    Check("metadata", card.check_metadata),
    Check("changelog", card.check_changelog),
    Check("package version", card.check_package_version),
    Check("requirements", card.check_requirements),
    Check("card", card.check_fields),
    Check("checksum", card.check_checksum, (files.WEIGHTS, files.CARD)),
    Check("inference entries", configurations.check_inference, (files.INFERENCE,)),
    Check("training entries", configurations.check_training, (files.TRAINING,)),
    Check("training handlers", configurations.check_handlers, (files.TRAINING,)),
    Check("workflow properties", configurations.check_properties),
    Check("plausible ranges", ranges.check_plausible, (files.INFERENCE,)),
    Check("meant for", meant.check_meant_for, (files.INFERENCE,)),
    Check("DICOM codes", codes.check_codes, (files.INFERENCE,)),
    Check("weights", network.check_weights, (files.INFERENCE, files.WEIGHTS)),
    Check("network shapes", network.check_shapes, (files.INFERENCE,)),
    Check("TorchScript", network.check_torchscript, (files.INFERENCE, files.WEIGHTS, files.CARD)),
    Check("scripting", network.check_scripting, (files.INFERENCE, files.WEIGHTS, files.CARD)),
)


def check(bundle: str | Path) -> tuple[Finding, ...]:
    """Check a bundle; it takes some seconds, and needs neither network nor GPU.

    The network is built as the bundle's configuration says, so check only bundles that you would run.

    Args:
        bundle: name or folder of a bundle.

    Returns:
        One finding for each check of `CHECKS`, or several where it found several problems.

    Raises:
        BundleError: no such bundle.
    """
    folder = find_bundle(bundle)
    return tuple(finding for each in CHECKS for finding in run_check(each, folder))


def check_passes(folder: Path, called: str | None = None) -> None:
    """Check a bundle, to go on only if nothing fails.

    Args:
        folder: of the bundle.
        called: what the user named, where the folder is a copy of that; the folder itself when None.

    Raises:
        BundleError: the message tells the first failure.
    """
    failed = [finding for finding in check(folder) if finding.outcome == "failed"]
    if failed:
        called = called or str(folder)
        shown = f"{shlex.quote(called)}`" if Path(called).is_dir() else "FOLDER`, once it is unpacked,"
        raise BundleError(
            f"{folder.name} fails {len(failed)} of the checks, first '{failed[0].check}': "
            f"{failed[0].says.replace(str(folder), called)} `echocare check {shown} shows all."
        )


def run_check(check: Check, folder: Path) -> tuple[Finding, ...]:
    """Findings of a single check of the bundle in a folder."""
    missing = [name for name in check.needs if not (folder / name).is_file()]
    if missing:
        return (Finding(check.name, "noted", f"Does not apply without {', '.join(missing)}."),)
    with _silence():
        says = list(_sentences(check, folder))
    found = [Finding(check.name, "noted" if isinstance(text, Note) else "failed", str(text)) for text in says]
    return tuple(found) or (Finding(check.name, "passed"),)


def _sentences(check: Check, folder: Path) -> Iterator[str]:
    try:
        yield from check.problems_of(folder)
    except Exception as error:  # noqa: BLE001  (a configuration may raise anything; here it fails the check that ran it)
        cause = own_cause(error)
        first, *_ = str(error).splitlines() or [""]
        yield str(cause) if cause else f"It ended with {type(error).__name__}: {first}; mend what that names."


@contextmanager
def _silence() -> Iterator[None]:
    """No logs and warnings of MONAI and PyTorch: what matters is in the findings."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
