"""Whether the pixels of an object were ever compressed with loss, which what is made of them must say too."""

from __future__ import annotations

from pydicom.dataset import Dataset

from echocare_core.frames.dicom.header import Header, numbers, text

METHODS = {  # transfer syntax -> Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1)
    **{f"1.2.840.10008.1.2.4.{end}": "ISO_10918_1" for end in (50, 51)},
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    **{f"1.2.840.10008.1.2.4.{end}": "ISO_13818_2" for end in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{end}": "ISO_14496_10" for end in range(102, 107)},
    **{f"1.2.840.10008.1.2.4.{end}": "ISO_23008_2" for end in (107, 108)},
    "1.2.840.10008.1.2.4.112": "ISO_18181_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
ATTRIBUTES = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")


def describe_loss(dataset: Dataset, header: Header, frames: int) -> None:
    """Set Lossy Image Compression (0028,2110) of an object, and where there was one its method and ratio.

    What the object says of itself counts; else its transfer syntax, with the ratio of its own bytes.

    Args:
        dataset: of what is described.
        header: read with `ATTRIBUTES`.
        frames: of it.
    """
    found, method = header.dataset, METHODS.get(header.transfer_syntax or "")
    is_lossy = text(found, ATTRIBUTES[0]) == "01" or method is not None
    dataset.LossyImageCompression = "01" if is_lossy else "00"
    ratios, named = numbers(found, ATTRIBUTES[1]), text(found, ATTRIBUTES[2])
    if is_lossy and ratios and named:
        dataset.LossyImageCompressionRatio, dataset.LossyImageCompressionMethod = f"{ratios[-1]:.6g}", named
    elif is_lossy and method and header.pixel_data:
        samples = [numbers(found, name)[0] for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")]
        ratio = samples[0] * samples[1] * samples[2] * samples[3] / 8 * frames / max(header.pixel_data.available, 1)
        dataset.LossyImageCompressionRatio, dataset.LossyImageCompressionMethod = f"{ratio:.6g}", method
