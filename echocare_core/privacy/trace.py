"""From a copy back to the file it was made of, for whoever holds the key."""

from __future__ import annotations

from pathlib import Path

from echocare_core.errors import SettingsError
from echocare_core.privacy.copies import key_of, source_paths
from echocare_core.secret import read_or_make_key


def trace(export: str | Path, out: str | Path, *, key: str | Path | None = None) -> dict[str, Path]:
    """Say of which file each `source` in `deidentified.csv` stands.

    Without the key nobody can: a source is a keyed hash of a path (`SecretKey.source`).

    Args:
        export: the file or folder that was copied; it may stand elsewhere now.
        out: the folder of copies.
        key: file with the secret; `OUT.key` when None.

    Returns:
        Source to path, for every file that is in the export.

    Raises:
        SettingsError: there is no key.
    """
    file = key_of(Path(out), key)
    if not file.is_file():
        raise SettingsError(f"{file.name} is missing; needed the key that the copies were made with. Restore it.")
    secret = read_or_make_key(file)
    return {secret.source(name): path for name, (path, _) in source_paths(Path(export)).items()}
