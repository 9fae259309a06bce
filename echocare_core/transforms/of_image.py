"""Of which picture a mask is asked for, where its file may hold masks of several."""

from __future__ import annotations

from typing import Any, NamedTuple


class OfImage(NamedTuple):
    """What is known of a picture.

    Attributes:
        name: its path, or the end of it; "" where that is not known.
        instance_uid: SOP Instance UID; "" where it has none.
    """

    name: str = ""
    instance_uid: str = ""


def of_loaded(image: Any) -> OfImage:
    """What the meta of a loaded picture says of it; nothing where it has none."""
    meta = getattr(image, "meta", {})
    return OfImage(str(meta.get("filename_or_obj") or ""), str(meta.get("sop_instance_uid") or ""))
