"""A folder of studies as a datastore of MONAI Label: of any depth, files of any name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from monailabel.config import settings
from monailabel.datastore.local import LocalDatastore

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.frames.dicom.header import looks_like_dicom
from echocare_core.frames.read import first_bytes

LABELS = "labels"  # MONAI Label's folder of drawn masks


class StudiesFolder(LocalDatastore):
    """MONAI Label's local datastore, which by itself sees the files of the uppermost folder that end as it knows them.

    An image is called by its path in the folder, without the ending; DICOM without an ending counts as well.
    """

    @classmethod
    def of_settings(cls, folder: str) -> StudiesFolder:
        """As the server's settings have it."""
        return cls(
            folder,
            extensions=settings.MONAI_LABEL_DATASTORE_FILE_EXT,
            auto_reload=settings.MONAI_LABEL_DATASTORE_AUTO_RELOAD,
            read_only=settings.MONAI_LABEL_DATASTORE_READ_ONLY,
        )

    def _list_files(self, path: str, patterns: Sequence[str]) -> dict[str, str]:
        """Paths below a folder, relative to it; of the studies, without what MONAI Label keeps in them."""
        root, found = Path(path).resolve(), {}
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and not self._is_own(folder, name))
            for file in sorted(files):
                if _is_picture(Path(folder, file), patterns):
                    name = Path(folder, file).relative_to(root).as_posix()
                    found[name] = name
        return found

    def _is_own(self, folder: str, name: str) -> bool:
        return name == LABELS and Path(folder) == Path(self._datastore_path).resolve()

    def _to_id(self, file: str) -> tuple[str, str]:
        """A path without its ending, and the ending, "" where the file has none that is known."""
        endings = [end for end in (one.removeprefix("*") for one in self._extensions) if file.endswith(end)]
        ending = max(endings, key=len, default="")
        return file.removesuffix(ending), ending

    def add_image(self, image_id: str, image_filename: str, image_info: dict[str, Any]) -> str:
        """As MONAI Label's, into a folder as well."""
        root = Path(self._datastore.image_path()).resolve()
        folder = (root / image_id).resolve().parent
        if not folder.is_relative_to(root):
            raise SettingsError("The picture's name leads out of the studies; needed one inside them. Choose another.")
        folder.mkdir(parents=True, exist_ok=True)
        return str(super().add_image(image_id, image_filename, image_info))

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any]) -> str:
        """As MONAI Label's, of an image in a folder as well; earlier masks of the image in other formats go."""
        folder = Path(self._datastore.label_path(label_tag), image_id).parent
        folder.mkdir(parents=True, exist_ok=True)
        before = self.get_label_uri(image_id, label_tag)
        label_id: str = super().save_label(image_id, label_filename, label_tag, label_info)
        if before and Path(before) != Path(self.get_label_uri(image_id, label_tag)):
            Path(before).unlink(missing_ok=True)
        return label_id


def _is_picture(path: Path, patterns: Sequence[str]) -> bool:
    if path.name.startswith(".") or path.suffix == ".json":
        return False
    if any(fnmatch(path.name, pattern) for pattern in patterns):
        return True
    try:
        return looks_like_dicom(first_bytes(path))
    except UnreadableFrames:
        return False
