"""A DICOMweb service as a datastore of MONAI Label: series as they are stored, drawn masks beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dicomweb_client.session_utils import create_session_from_user_pass
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX, DICOMWebDatastore
from monailabel.datastore.local import DataModel, ImageLabelModel, LocalDatastore
from monailabel.interfaces.exception import ImageNotFoundException

from echocare_core.atomic import ENTERED_BY_OWNER


class SeriesDatastore(DICOMWebDatastore):
    """MONAI Label's own, whose images are series, fetched when one is asked for and kept in the server's folder.

    Drawn masks stay in that folder, as the viewer sent them: MONAI Label's conversion to DICOM SEG needs the patient's
    geometry, which ultrasound has not.
    """

    @classmethod
    def of_settings(cls, url: str) -> SeriesDatastore:
        """As the server's settings have it."""
        user, password = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
        session = create_session_from_user_pass(user, password) if user and password else None
        cache = Path(settings.MONAI_LABEL_DICOMWEB_CACHE_PATH)
        cache.mkdir(mode=ENTERED_BY_OWNER, parents=True, exist_ok=True)
        return cls(
            DICOMwebClientX(url=url, session=session),
            search_filter=settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER,
            cache_path=str(cache),
            convert_to_nifti=False,
        )

    def get_image_uri(self, image_id: str) -> str:
        """Folder of a series with its files, fetched where it is not there; ImageNotFoundException for no such one."""
        if image_id not in self._datastore.objects and image_id not in self.list_images():
            raise ImageNotFoundException("The DICOMweb service has no ultrasound series of this UID.")
        folder: str = super().get_image_uri(image_id)
        if image_id not in self._datastore.objects:
            self._datastore.objects[image_id] = ImageLabelModel(image=DataModel(ext=""))
            self._update_datastore_file()
        return folder

    def get_label_uri(self, label_id: str, label_tag: str, image_id: str = "") -> str:
        """Path of a drawn mask."""
        return str(LocalDatastore.get_label_uri(self, label_id, label_tag))

    def save_label(
        self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any], label_id: str = ""
    ) -> str:
        """Keep a drawn mask."""
        self.get_image_uri(image_id)
        return str(LocalDatastore.save_label(self, image_id, label_filename, label_tag, label_info))

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Series with a finished mask here."""
        return list(LocalDatastore.get_labeled_images(self, label_tag, labels))

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Series without one, in the order of the service."""
        done = set(self.get_labeled_images())
        return [series for series in self.list_images() if series not in done]

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """The finished masks with the folders of their series, for a training."""
        return list(LocalDatastore.datalist(self, full_path))
