"""The page that says how to ask the service: made from its OpenAPI description, without scripts, read offline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from echocare_core.integrations.service.limits import Limits

DESCRIPTION = "Ultrasound images in, results out. For research; not a medical device."
FRAMES = "Which frames of one file, counted from 0; all without it."
EXAMPLE = {
    "bundle": "fetal_head_segmentation",
    "version": "0.1.2",
    "set_aside": [],
    "results": [
        {
            "row": {"source": "IM000001", "frame": 0, "head_circumference_mm": 176.4},
            "outputs": [{"kind": "Measurement", "name": "head_circumference", "value": 176.4, "unit": "mm"}],
            "nothing_found": False,
            "doubts": [],
            "files": [{"column": "mask", "name": "masks/IM000001.png", "media_type": "image/png", "base64": "..."}],
        }
    ],
}
FAULT = {
    "error": "UnreadableFrames",
    "message": "IM000001 is a damaged DICOM file, or cut short. Copy or export it again.",
    "found": "IM000001 is a damaged DICOM file, or cut short",
    "needed": "",
    "what_to_do": "Copy or export it again.",
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
REFUSALS = {
    400: "No form, or no file in it",
    401: "No token, or another one",
    403: "A page of another site asks, without a token",
    404: "No model of that name",
    406: "The form in Accept is not given",
    408: "The request did not arrive in time",
    413: "More bytes, files or frames than the limits",
    415: "A table, which names files of the server: send the images",
    421: "Asked by another name than that of this machine, without a token",
    422: "Nothing in it can be read, or a parameter is wrong",
    500: "The process of the model ended, or the bundle fails",
    503: "The queue is full (see Retry-After), or the service ends",
    504: "Predicting took longer than the limit",
    507: "The disk is full",
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Results, in the form that Accept names",
        "content": {
            "application/json": {"example": EXAMPLE},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
            "application/dicom": {"schema": {"type": "string", "format": "binary"}},
            'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}},
        },
    },
    **{
        status: {"description": what, "content": {"application/json": {"example": FAULT}}}
        for status, what in REFUSALS.items()
    },
}
LIMITS = {
    "upload_mib": "MiB that one request sends",
    "unpacked_mib": "MiB that a ZIP archive unpacks to",
    "files": "Files of one request",
    "frames": "Frames of one request",
    "seconds": "Seconds to receive, to wait, to predict and to answer, each",
    "waiting": "Requests that wait for one model",
    "memory_mib": "MiB of memory of the process of one model",
}
STYLE = (
    "body{font:1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "pre{background:#f2f2f2;padding:1rem;overflow:auto}td,th{text-align:left;padding:.2rem 1rem .2rem 0;"
    "vertical-align:top}"
)


def page_of(openapi: Mapping[str, Any], models: Iterable[str], limits: Limits, address: str) -> str:
    """The page as HTML.

    Args:
        openapi: of the service.
        models: names of the bundles.
        limits: of requests.
        address: by which the service was asked, such as http://127.0.0.1:8000.
    """
    names = list(models)
    predicts = {path: ways["post"] for path, ways in openapi["paths"].items() if "post" in ways}
    others = {f"GET {path}": ways["get"]["summary"] for path, ways in openapi["paths"].items() if "get" in ways}
    parts = [
        f"<h1>EchoCare {escape(openapi['info']['version'])}</h1><p>{escape(DESCRIPTION)}</p>",
        f"<h2>Models</h2><ul>{''.join(f'<li><code>{escape(name)}</code></li>' for name in names)}</ul>",
        f"<h2>Ask</h2><pre>{escape(_commands(f'{address}/predict/{names[0]}'))}</pre>",
        *(_operation(path, one) for path, one in predicts.items()),
        f"<h2>An answer</h2><pre>{escape(json.dumps(EXAMPLE, indent=1))}</pre>",
        f"<h2>A refusal</h2><pre>{escape(json.dumps(FAULT, indent=1))}</pre>",
        _table("What else it says", others),
        _table("Limits", {LIMITS[name]: f"{value:g}" for name, value in asdict(limits).items()}),
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>',
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>EchoCare</title><style>{STYLE}</style>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>'


def _commands(ask: str) -> str:
    return f"""# numbers as JSON; without files=none, masks (base64) too
curl -F file=@IM000001 '{ask}?files=none'

# a study, or several files; the whole results folder, report.html in it
curl -F file=@study.zip -H 'Accept: application/zip' \\
  -o results.zip {ask}

# some frames of a cine, counted from 0
curl -F file=@cine.dcm '{ask}?frames=0,4,8-12'

# DICOM objects for a PACS, in the folder dicom/
curl -F file=@IM000001 -H 'Accept: application/zip' \\
  -o results.zip '{ask}?dicom=true'

# where the service has a token
curl -H "Authorization: Bearer $ECHOCARE_TOKEN" \\
  -F file=@IM000001 {ask}"""


def _operation(path: str, one: Mapping[str, Any]) -> str:
    parameters = {each["name"]: each.get("description", "") for each in one.get("parameters", ())}
    answers = {status: each["description"] for status, each in one["responses"].items()}
    heading = f"<h2><code>POST {escape(path)}</code></h2><p>{escape(one.get('summary', ''))}.</p>"
    return heading + _table("Parameters", parameters, 3) + _table("Answers", answers, 3)


def _table(title: str, rows: Mapping[str, str], level: int = 2) -> str:
    cells = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(what)}</td></tr>" for name, what in rows.items())
    return f"<h{level}>{title}</h{level}><table>{cells}</table>"
