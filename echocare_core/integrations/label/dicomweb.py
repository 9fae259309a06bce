"""A DICOMweb service as a datastore of MONAI Label: pictures as they are stored, drawn masks in the server's folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dicomweb_client.session_utils import create_session_from_user_pass
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX, DICOMWebDatastore
from monailabel.datastore.local import DataModel, ImageLabelModel, LocalDatastore
from monailabel.interfaces.datastore import DefaultLabelTag
from monailabel.interfaces.exception import ImageNotFoundException
from pydicom import dcmread
from pydicom.dataset import Dataset

from echocare_core.atomic import ENTERED_BY_OWNER
from echocare_core.errors import PacsError
from echocare_core.integrations.label.drawn import build_drawn_seg, bundle_of
from echocare_core.integrations.label.items import frame_of
from echocare_core.results.dicom.uids import write_object

# Tags as QIDO-RS names them (PS3.18 10.6.3), each "Value" a list.
STUDY, SERIES, INSTANCE, COUNT = "0020000D", "0020000E", "00080018", "00201209"  # COUNT: Series Related Instances
INSTANCE_NUMBER = "00200013"


class SeriesDatastore(DICOMWebDatastore):
    """MONAI Label's own, fetching a series when one of its pictures is asked for.

    A scanner puts all stills and cines of an examination into one series, so a picture is an instance:
    "SERIES/INSTANCE", or "SERIES" alone where it has but one. "SERIES" of several is the folder, whose frames are
    counted through.

    Drawn masks stay in that folder, as the viewer sent them. Where `sends_masks_of` names bundles, finished ones are
    also stored in the service, as DICOM Segmentations of our own: MONAI Label's conversion needs the patient's
    geometry, which ultrasound has not.

    Attributes:
        sends_masks_of: folders of the bundles whose labels are drawn; empty where nothing is to be stored.
    """

    sends_masks_of: tuple[Path, ...] = ()

    @classmethod
    def of_settings(cls, url: str, sends_masks_of: Sequence[Path] = ()) -> SeriesDatastore:
        """As the server's settings have it."""
        user, password = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
        session = create_session_from_user_pass(user, password) if user and password else None
        cache = Path(settings.MONAI_LABEL_DICOMWEB_CACHE_PATH)
        cache.mkdir(mode=ENTERED_BY_OWNER, parents=True, exist_ok=True)
        store = cls(
            DICOMwebClientX(url=url, session=session),
            search_filter=settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER,
            cache_path=str(cache),
            convert_to_nifti=False,
        )
        store.sends_masks_of = tuple(sends_masks_of)
        return store

    def list_images(self) -> list[str]:
        """Every picture that the service has now; asked again after the cache's expiry (seconds, in the settings)."""
        listed, until = getattr(self, "_listed", ([], 0.0))
        if time.monotonic() > until:
            listed = list(self._ask_for_images())
            self._listed = (listed, time.monotonic() + settings.MONAI_LABEL_DICOMWEB_CACHE_EXPIRY)
        return listed

    def _ask_for_images(self) -> Iterator[str]:
        found = self._client.search_for_series(search_filters=self._search_filter, fields=[COUNT])
        for one in sorted(found, key=lambda one: (_value(one, STUDY), _value(one, SERIES))):
            series = str(_value(one, SERIES))
            if int(_value(one, COUNT) or 1) == 1:
                yield series
            else:
                instances = self._client.search_for_instances(_value(one, STUDY), series)
                yield from (f"{series}/{_value(each, INSTANCE)}" for each in sorted(instances, key=_place))

    def get_image_uri(self, image_id: str) -> str:
        """Path of a picture, or of the folder of a series of several, fetched where it is not there.

        Raises:
            ImageNotFoundException: the service has no such picture.
        """
        series, _, instance = image_id.partition("/")
        if image_id not in self._datastore.objects and not any(
            one == image_id or one.startswith(f"{image_id}/") for one in self.list_images()
        ):
            raise ImageNotFoundException("The DICOMweb service has no ultrasound series or picture of this UID.")
        folder = Path(super().get_image_uri(series))
        if image_id not in self._datastore.objects:
            ending = ".dcm" if instance else ""
            self._datastore.objects[image_id] = ImageLabelModel(image=DataModel(ext=ending))
            self._update_datastore_file()
        files = sorted(folder.glob("*.dcm"))
        return str(folder / f"{instance}.dcm" if instance else files[0] if len(files) == 1 else folder)

    def get_label_uri(self, label_id: str, label_tag: str, image_id: str = "") -> str:
        """Path of a drawn mask."""
        return str(LocalDatastore.get_label_uri(self, label_id, label_tag))

    def save_label(
        self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any], label_id: str = ""
    ) -> str:
        """Keep a drawn mask, and store a finished one in the service where that was asked for.

        Raises:
            EchoCareError: it is kept, but does not fit its picture, or the service does not take it.
        """
        image = self.get_image_uri(image_id)
        Path(self._datastore.label_path(label_tag), image_id).parent.mkdir(parents=True, exist_ok=True)
        saved = str(LocalDatastore.save_label(self, image_id, label_filename, label_tag, label_info))
        if self.sends_masks_of and label_tag == DefaultLabelTag.FINAL:
            label = Path(self.get_label_uri(image_id, label_tag))
            bundle = bundle_of(label_info, self.sends_masks_of)
            self._store(build_drawn_seg(Path(image), label, frame_of(label_info), bundle))
        return saved

    def _store(self, seg: Dataset | None) -> None:
        """Store an object (STOW-RS, PS3.18 10.5)."""
        if seg is None:
            return
        with TemporaryDirectory() as folder:
            write_object(seg, Path(folder, "seg.dcm"))
            answer = self._client.store_instances([dcmread(Path(folder, "seg.dcm"))])
        if answer.get("FailedSOPSequence"):
            raise PacsError("The DICOMweb service refused the segmentation; the mask is kept here. See its log.")

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Pictures with a finished mask here."""
        return list(LocalDatastore.get_labeled_images(self, label_tag, labels))

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Pictures without one, in the order of the service."""
        done = set(self.get_labeled_images())
        return [image for image in self.list_images() if image not in done]

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """The finished masks with their pictures, for a training."""
        return list(LocalDatastore.datalist(self, full_path))


def _value(entry: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute in DICOM JSON (PS3.18 F.2); None where it has none."""
    return next(iter(entry.get(tag, {}).get("Value", [])), None)


def _place(instance: dict[str, Any]) -> tuple[int, str]:
    return int(_value(instance, INSTANCE_NUMBER) or 0), str(_value(instance, INSTANCE))
