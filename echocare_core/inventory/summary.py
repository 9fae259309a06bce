"""An inventory in numbers: for people (`show`) and, as it is, for programs. It names no file and nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echocare_core.inventory.copies import COPY, DUPLICATE, LINK, USED
from echocare_core.inventory.store import Store

FORMAT = 1
REASONS_SHOWN = 12


def summarise(store: Store, bundles: Mapping[str, str]) -> dict[str, Any]:
    """Count what is in an export.

    Args:
        store: grouped, with copies found.
        bundles: names and the SQL conditions of what is usable for them.

    Returns:
        Counts by name, of JSON's types only. "usable" is without copies of the same object.
    """
    return {
        "format": FORMAT,
        **_row(
            store,
            """
            SELECT TOTAL(kind NOT IN ('folder', 'missing')) AS files, TOTAL(size) AS bytes,
                TOTAL(kind = 'dicom') AS dicom_objects, COUNT(DISTINCT study) AS studies,
                COUNT(DISTINCT series) AS series FROM files
            """,
        ),
        "usable": _row(store, _usable(USED)),
        "modalities": _counts(store, "modality", "kind = 'dicom'"),
        "object_kinds": _counts(store, "sop_class", "kind = 'dicom'"),
        "transfer_syntaxes": _counts(store, "transfer_syntax", f"{USED} AND kind = 'dicom'"),
        "scanners": _counts(store, "scanner", f"{USED} AND kind = 'dicom'"),
        "body_parts": _counts(store, "body_part", f"{USED} AND kind = 'dicom'"),
        "regions": _counts(store, "regions", f"{USED} AND kind = 'dicom'"),
        "burned_in_annotation": _counts(store, "burned_in", f"{USED} AND kind = 'dicom'"),
        "bundles": {name: _row(store, _usable(condition)) for name, condition in bundles.items()},
        "set_aside": _reasons(store),
        "copies": {
            "same_object": store.count(f"role = '{COPY}'"),
            "links": store.count(f"kind = '{LINK}'"),
            "same_pixels": store.count(f"role = '{DUPLICATE}'"),
            "uid_with_other_pixels": store.count("conflict"),
        },
        "damaged_frames": int(store.one("SELECT TOTAL(damaged) FROM files")),
        "identity": _identity(store),
        "groups": _groups(store),
        "splits": {
            split: {"groups": groups, "files": files, "frames": frames}
            for split, groups, files, frames in store.database.execute(
                f"SELECT split, COUNT(DISTINCT patient_group), COUNT(*), SUM(frames) FROM files WHERE {USED}"
                " GROUP BY split ORDER BY split"
            )
        },
        "dicomdir": _dicomdir(store),
    }


def _usable(condition: str) -> str:
    return f"""
        SELECT COUNT(*) AS files, TOTAL(frames = 1) AS stills,
            TOTAL(frames > 1) AS cines, TOTAL(frames > 1 AND timed) AS timed_cines,
            COALESCE(SUM(frames), 0) AS frames,
            TOTAL(row_mm NOT NULL) AS calibrated FROM files WHERE {condition}
    """


def _row(store: Store, query: str) -> dict[str, Any]:
    """The one row of a query by the names of its columns."""
    rows = store.database.execute(query)
    names = [name for name, *_ in rows.description]
    return {name: int(cell) for name, cell in zip(names, rows.fetchone(), strict=True)}


def _counts(store: Store, column: str, condition: str) -> dict[str, int]:
    """How many files have each value of a column, the commonest first; "not stated" where it is empty."""
    return dict(
        store.database.execute(
            f"SELECT COALESCE(NULLIF({column}, ''), 'not stated') AS value, COUNT(*) AS files FROM files"
            f" WHERE {condition} GROUP BY value ORDER BY files DESC, value"
        )
    )


def _reasons(store: Store) -> dict[str, Any]:
    """Why files were set aside: the commonest reasons, and how many files have others."""
    total = store.count("NOT usable")
    shown = store.database.execute(
        "SELECT reason, COUNT(*) AS files FROM files WHERE NOT usable"
        " GROUP BY reason ORDER BY files DESC, reason LIMIT ?",
        [REASONS_SHOWN],
    )
    reasons = [{"files": files, "reason": reason} for reason, files in shown]
    return {
        "files": total,
        "reasons": reasons,
        "files_with_other_reasons": total - sum(one["files"] for one in reasons),
    }


def _identity(store: Store) -> dict[str, int]:
    """What the ids were worth: how many files have none, and how many ids and studies were given to several people."""
    return {
        "files_with_blank_patient_id": store.count("kind = 'dicom' AND usable AND patient_id = 'blank'"),
        "files_with_placeholder_patient_id": store.count("kind = 'dicom' AND usable AND patient_id = 'placeholder'"),
        "patient_ids_of_several_people": store.one("SELECT COUNT(*) FROM reused_patient"),
        "studies_of_several_people": store.one("SELECT COUNT(*) FROM reused_study"),
        "pictures_common_to_several_people": store.one("SELECT COUNT(*) FROM twice WHERE common"),
    }


def _groups(store: Store) -> dict[str, int]:
    """How many groups there are, what they stand on, and how many files the largest has."""
    by_ground = dict(
        store.database.execute(
            f"SELECT 'by_' || substr(patient_group, 1, instr(patient_group, '-') - 1) AS ground,"
            f" COUNT(DISTINCT patient_group) FROM files WHERE {USED} GROUP BY ground ORDER BY ground"
        )
    )
    largest = store.one(
        f"SELECT COUNT(*) AS files FROM files WHERE {USED} GROUP BY patient_group ORDER BY files DESC LIMIT 1"
    )
    return {"groups": sum(by_ground.values()), **by_ground, "files_in_largest": largest or 0}


def _dicomdir(store: Store) -> dict[str, int] | None:
    """How the files compare with what a DICOMDIR lists; None where there is none."""
    listed = store.one("SELECT COUNT(*) FROM listed")
    if not listed:
        return None
    return {
        "listed": listed,
        "missing": store.count("kind = 'missing'"),
        "unlisted": store.count(
            "kind NOT IN ('folder', 'missing') AND source NOT IN listed"
            " AND sop_class IS NOT 'Media Storage Directory Storage'"
        ),
    }
