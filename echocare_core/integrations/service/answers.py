"""Results as one file that is sent back: JSON, a ZIP archive, or DICOM objects."""

from __future__ import annotations

import base64
import json
import mimetypes
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from echocare_core.bundle import read_metadata
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Answer, Job
from echocare_core.result_files import DICOM, ORIGIN_JSON
from echocare_core.results.table import file_columns
from echocare_core.types import Details, Output, Results, Scores

NOT_OUTPUTS = ("overlay", DICOM)  # columns of files that begin so show or repeat outputs
COPIED_AT_ONCE = 1 << 20


def write_answer(results: Results, bundle: Path, job: Job) -> Answer:
    """Write the answer to a request into its folder.

    Args:
        results: of the run.
        bundle: folder of the bundle.
        job: says in which form.

    Raises:
        Refused: DICOM of files that are none, or one object where there are several.
    """
    if job.form == "zip":
        return _write_zip(results, job.folder / "answer.zip")
    if job.form == "dicom":
        return _write_dicom(results, job)
    return _write_json(results, bundle, job)


def _write_json(results: Results, bundle: Path, job: Job) -> Answer:
    """Row by row, so that pictures of many frames are not in memory together."""
    path = job.folder / "answer.json"
    metadata, origin = read_metadata(bundle), results.folder / ORIGIN_JSON
    head = {
        "bundle": metadata["bundle_name"],
        "version": metadata["version"],
        "intended_use": metadata["intended_use"],
        "origin": json.loads(origin.read_text(encoding="utf-8")) if origin.is_file() else None,
        "set_aside": [{"source": one.source, "frame": one.frame, "reason": one.reason} for one in results.set_aside],
    }
    seen: set[str] = set()
    with path.open("w", encoding="utf-8") as file:
        file.write(_json(head)[:-1] + ', "results": [')
        for number, (row, details) in enumerate(zip(results.rows, results.details, strict=True)):
            one = _described(row, details, _embedded(row, results.folder, job, seen))
            file.write((",\n" if number else "\n") + _json(one))
        file.write("\n]}\n")
    return Answer(path, "application/json")


def _described(row: Mapping[str, object], details: Details, files: Iterator[dict[str, str]]) -> dict[str, Any]:
    return {
        "row": dict(row),
        "outputs": [describe_output(output) for output in details.outputs],
        "nothing_found": details.nothing_found,
        "doubts": [{"text": text, "column": column} for text, _, column in details.doubts],
        "files": list(files),
    }


def describe_output(output: Output) -> dict[str, Any]:
    """An output as JSON has it: its kind and its fields; a number that is not finite is null."""
    about = {one.name: plain(getattr(output, one.name)) for one in fields(output)}
    about.pop("line_px", None)  # drawn in the overlay
    return {"kind": type(output).__name__, **about, **({"answer": output.answer} if isinstance(output, Scores) else {})}


def plain(value: Any) -> Any:
    """Arrays as lists, dataclasses as mappings, numbers that are not finite as None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    return value


def _embedded(row: Mapping[str, object], folder: Path, job: Job, seen: set[str]) -> Iterator[dict[str, str]]:
    """The files of a row that are asked for, each once in an answer: rows of a cine may share one."""
    for column in file_columns([row]):
        name = row[column]
        is_asked = job.embedded == "all" or (job.embedded == "outputs" and not column.startswith(NOT_OUTPUTS))
        if not name or not is_asked or str(name) in seen:
            continue
        seen.add(str(name))
        content = (folder / str(name)).read_bytes()
        yield {
            "column": column,
            "name": str(name),
            "media_type": mimetypes.guess_type(str(name))[0] or "application/octet-stream",
            "base64": base64.b64encode(content).decode("ascii"),
        }


def _json(value: Any) -> str:
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False)


def _write_zip(results: Results, path: Path) -> Answer:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(one for one in results.folder.rglob("*") if one.is_file()):
            packed = file.suffix.lower() in (".png", ".dcm")
            kind = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.write(file, file.relative_to(results.folder).as_posix(), compress_type=kind)
    return Answer(path, "application/zip")


def _write_dicom(results: Results, job: Job) -> Answer:
    """One object as it is, several as parts (RFC 2387), as DICOMweb answers (PS3.18, 8.7.3)."""
    objects = sorted((results.folder / DICOM).rglob("*.dcm"))
    if not objects:
        without = results.objects.without if results.objects else ()
        why = f" ({without[0].source}: {without[0].reason.rstrip('.')})" if without else ""
        raise Refused(
            406, "NoDicom", f"No DICOM object was made{why}; needed one to send. Send DICOM, or ask for JSON or ZIP."
        )
    if job.single and len(objects) > 1:
        raise Refused(
            406,
            "SeveralObjects",
            f'{len(objects)} DICOM objects were made; needed Accept: multipart/related; type="application/dicom". '
            "Ask so.",
        )
    if job.single:
        return Answer(objects[0], "application/dicom")
    path, boundary = job.folder / "answer.multipart", secrets.token_hex(16)
    with path.open("wb") as file:
        for one in objects:
            file.write(f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii"))
            with one.open("rb") as source:
                shutil.copyfileobj(source, file, COPIED_AT_ONCE)
            file.write(b"\r\n")
        file.write(f"--{boundary}--\r\n".encode("ascii"))
    return Answer(path, f'multipart/related; type="application/dicom"; boundary={boundary}')
