"""A mask that somebody drew, as a DICOM Segmentation for the archive that its picture came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from pydicom.dataset import Dataset

from echocare_core.bundle import mask_labels, read_card
from echocare_core.checksum import sha256_of
from echocare_core.errors import BundleError, SettingsError
from echocare_core.frames.read import read_frames
from echocare_core.integrations.label.items import items_of
from echocare_core.results.dicom.said import NoObject, Said
from echocare_core.results.dicom.seg import build_seg
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, uid_of
from echocare_core.transforms.mask import read_mask
from echocare_core.types import Details

KIND, DESCRIPTION = "drawn", "Segmentation, drawn"
CORRECTED = "SEMIAUTOMATIC"  # Segment Algorithm Type (0062,0008): proposed by the bundle, finished by a person


def build_drawn_seg(image: Path, label: Path, frame: int | None, bundle: Path) -> Dataset | None:
    """Make the object.

    It is what `echocare predict --dicom` makes of the same mask, but for the segments' algorithm type and a series of
    its own for each drawing, so that viewers show the one that was asked for.

    Args:
        image: the picture, a DICOM file.
        label: the mask, in any format of `read_mask`, of each frame or of one.
        frame: 0-based number of the frame that a single mask of a cine is of; None where nobody said.
        bundle: folder of the bundle whose labels were drawn.

    Returns:
        The object with its UID; None where nothing is drawn.

    Raises:
        BundleError: the metadata of the bundle name no labels.
        SettingsError: the picture is the folder of a whole series.
        TableError: the mask does not fit the picture.
        UnreadableFrames: the picture cannot be read.
    """
    if image.is_dir():
        raise SettingsError("A mask of a whole series is of no one picture; draw on SERIES/INSTANCE, and save it so.")
    items = list(items_of({"image": str(image), "label": str(label)}, frame))
    spacing, card = read_frames(image).spacing_mm or (None, None), read_card(bundle)
    names = mask_labels(bundle)
    if not names:
        raise BundleError(f"{bundle.name} names no labels; needed channel_def of pred in metadata.json. Add it.")
    source = read_source(image)
    with TemporaryDirectory() as folder:
        for item in items:
            mask = read_mask(item["label"], source.size, len(names) + 1, frame=item.get("frame", 0))
            Image.fromarray(mask).save(Path(folder, f"{item.get('frame', 0)}.png"))
        rows = [_row(item.get("frame", 0), spacing) for item in items]
        details = [Details((), None, False, labels=names) for _ in items]
        try:
            dataset = build_seg(Said(source, card, Path(folder), rows, details))
        except NoObject:
            return None
    for segment in dataset.SegmentSequence:
        segment.SegmentAlgorithmType = CORRECTED
    dataset.SeriesInstanceUID = uid_of("series", KIND, source.dataset.SOPInstanceUID, card.name, sha256_of(label))
    dataset.SeriesDescription = f"{DESCRIPTION} ({card.name})"[:64]
    return seal(dataset)


def _row(frame: int, spacing: Sequence[float | None]) -> dict[str, Any]:
    return {"mask": f"{frame}.png", "frame": frame, "spacing_row_mm": spacing[0], "spacing_column_mm": spacing[1]}


def bundle_of(info: Mapping[str, Any], bundles: Sequence[Path]) -> Path:
    """Whose labels were drawn: the bundle that the viewer names, else the first that has all labels it names.

    Args:
        info: what the viewer sends with a mask: `model`, or `label_info`, entries with `name`.
        bundles: folders, one at least.
    """
    drawn = {str(one.get("name", "")).lower() for one in info.get("label_info") or ()}
    named = [one for one in bundles if one.name == info.get("model")]
    fitting = [one for one in bundles if drawn <= {name.lower() for name in mask_labels(one).values()}]
    return (named or fitting or list(bundles))[0]
