"""Embeddings in the results: the nearest known image in the table, the vector in a table of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from echocare_core.errors import BundleError
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Embedding

LENGTH_TOLERANCE = 1e-3


def embedding_fault(embedding: Embedding, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with an embedding, in words; None where nothing is."""
    vector = embedding.vector
    if vector.dtype != np.float32 or vector.ndim != 1 or not vector.size:
        return f"{embedding.name} {vector.dtype} {vector.shape}; needed float32 (numbers,)"
    length = float(np.linalg.norm(vector))
    if not abs(length - 1) <= LENGTH_TOLERANCE:
        return f"{embedding.name} of length {length:g}; needed 1"
    return None


def write_embedding(embedding: Embedding, place: Place) -> Entries:
    """Name the nearest known image, where there is one."""
    if not embedding.nearest:
        return Entries()
    first = embedding.nearest[0]
    values = {"nearest": first.name, "nearest_shows": first.shows, "nearest_similarity": float(first.similarity)}
    return Entries({f"{embedding.name}_{column}": value for column, value in values.items()})


def embedding_columns(embeddings: Sequence[Embedding]) -> dict[str, type]:
    """Name, known images and numbers: `nearest_1`, `nearest_1_shows`, `nearest_1_similarity`, ..., `value_0`, ...

    Raises:
        BundleError: embeddings of several sizes, which fit no common columns.
    """
    sizes = sorted({(len(one.nearest), len(one.vector)) for one in embeddings})
    if len(sizes) > 1:
        found = " and ".join(f"{numbers} numbers with {images} known images" for images, numbers in sizes)
        raise BundleError(f"The bundle gave embeddings of {found}; needed one size. Correct its postprocessing.")
    images, numbers = sizes[0]
    of_each = {"": str, "_shows": str, "_similarity": float}
    nearest = {f"nearest_{rank}{of}": kind for rank in range(1, images + 1) for of, kind in of_each.items()}
    return {"embedding": str, **nearest, **{f"value_{number}": float for number in range(numbers)}}


def list_embedding(embedding: Embedding) -> Iterator[tuple[object, ...]]:
    """The one row of an embedding, in the order of `embedding_columns`."""
    nearest = (cell for one in embedding.nearest for cell in (one.name, one.shows, float(one.similarity)))
    yield embedding.name, *nearest, *(float(value) for value in embedding.vector)
