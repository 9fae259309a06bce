"""What every object has that a run writes: whose it is, what made it, and from what it is known again."""

from __future__ import annotations

from typing import NamedTuple

from pydicom.dataset import Dataset

from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.results.dicom.codes import code_item
from echocare_core.results.dicom.source import Source
from echocare_core.results.dicom.uids import uid_of
from echocare_core.types import BundleCard, Code
from echocare_core.version import MANUFACTURER, __version__

ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # PS3.16 CID 7162
_REPEATED = (  # of the source, as far as it has them
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
    *("StudyDescription", "LongitudinalTemporalInformationModified"),
)
_MADE_NOW = ("InstanceCreationDate", "InstanceCreationTime")  # would make another object of the same result
_LARGEST = 2**31 - 1  # of a number as text (VR IS)


class Kind(NamedTuple):
    """A kind of object.

    Attributes:
        name: "seg", of its files and of the column `dicom_seg_file`.
        modality: Modality (0008,0060).
        number: 1 to 9, told from other kinds by it in the Series Number.
        description: Series Description (0008,103E), before the name of the bundle.
        alone: whether each object is a series of its own: viewers show the first segmentation or report of a series
            alone. Pictures of one series stand together.
    """

    name: str
    modality: str
    number: int
    description: str
    alone: bool = True


def describe(dataset: Dataset, kind: Kind, source: Source, card: BundleCard) -> None:
    """Set what every object has (PS3.3 C.7.1 to C.7.3, C.7.5.2, C.12.1), whatever was set before.

    Patient and study are those of the source; nobody is identified anew and a source without names stays so. Date and
    time are those of the source, since an object that is made twice must be the same both times.

    Args:
        dataset: of the new object.
        kind: of it.
        source: what it is about.
        card: of the bundle that says it.
    """
    of, (date, time) = source.dataset, source.date_and_time
    with suppress_warnings():
        for keyword in (*_REPEATED, *_MADE_NOW):
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.update({of[keyword].tag: of[keyword] for keyword in _REPEATED if keyword in of})
        about = of.SOPInstanceUID if kind.alone else of.SeriesInstanceUID
        dataset.SeriesInstanceUID = uid_of("series", kind.name, about, card.name, card.version, card.weights_sha256)
        dataset.SeriesNumber = _number(of.get("SeriesNumber")) % (_LARGEST // 10) * 10 + kind.number
        dataset.SeriesDescription = f"{kind.description} ({card.name})"[:64]
        dataset.Modality, dataset.InstanceNumber = kind.modality, _number(of.get("InstanceNumber"))
        dataset.ContentDate, dataset.ContentTime = date, time
        dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, card.name
        dataset.SoftwareVersions = [f"echocare {__version__}", f"bundle {card.version}"]
        dataset.DeviceSerialNumber = card.weights_sha256  # the device is the bundle with these weights


def algorithm(card: BundleCard) -> Dataset:
    """The bundle as an item of an Algorithm Identification Sequence (PS3.3 10.16)."""
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [code_item(ARTIFICIAL_INTELLIGENCE)]
    item.AlgorithmName, item.AlgorithmVersion = card.name, card.version
    item.AlgorithmSource, item.AlgorithmParameters = MANUFACTURER, f"weights_sha256={card.weights_sha256}"
    return item


def _number(found: object) -> int:
    """A number of the source, 1 where it has none that counts."""
    return found if isinstance(found, int) and 0 < found <= _LARGEST else 1
