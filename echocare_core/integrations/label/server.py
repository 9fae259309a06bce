"""MONAI Label's web service, with errors that reach the client as words, and closed to pages of other servers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from importlib import import_module
from json import JSONDecodeError

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from monailabel.config import settings
from monailabel.interfaces.exception import (
    ImageNotFoundException,
    LabelNotFoundException,
    MONAILabelException,
)
from requests import RequestException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echocare_core.errors import SettingsError, own_cause

NO_SEG = (
    "This server gives masks as pictures, not as output=dicom_seg, whose converter needs the patient's geometry. Ask "
    "for output=image; `echocare label --send-masks` stores finished masks in the PACS as DICOM Segmentations."
)
logger = logging.getLogger(__name__)


def describe_error(error: Exception) -> tuple[HTTPStatus, str]:
    """Status and sentence of an error.

    What this package, or MONAI Label, raises on purpose is the client's to mend, and says how. Of anything else only
    its kind is told, since its text may quote a file: the server's log has the rest.
    """
    own = own_cause(error)
    if own is not None:
        return HTTPStatus.BAD_REQUEST, f"{type(own).__name__}: {own}"
    if isinstance(error, (ImageNotFoundException, LabelNotFoundException)):
        return HTTPStatus.NOT_FOUND, str(error.msg)
    if isinstance(error, MONAILabelException):
        return HTTPStatus.BAD_REQUEST, str(error.msg)
    if isinstance(error, RequestException):
        return (
            HTTPStatus.BAD_GATEWAY,
            f"The DICOMweb service does not answer as one ({type(error).__name__}). See to it.",
        )
    if isinstance(error, JSONDecodeError):
        return HTTPStatus.BAD_REQUEST, "The parameters of the request are not JSON; send an object, such as {}."
    kind = type(error).__name__
    return HTTPStatus.INTERNAL_SERVER_ERROR, f"The server met a {kind}; its log (logs/app.log of the app) says where."


class InWords:
    """ASGI middleware: what the service raises becomes an answer, and the connection stays.

    Args:
        service: to wrap.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.service = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            if b"output=dicom_seg" in scope.get("query_string", b""):
                raise SettingsError(NO_SEG)
            await self.service(scope, receive, send_noting)
        except Exception as error:
            if has_begun or scope["type"] != "http":
                raise
            status, sentence = describe_error(error)
            logger.error("%s %s: %s", scope["method"], scope["path"], sentence, exc_info=error)
            await JSONResponse({"detail": sentence}, status_code=status)(scope, receive, send)


def build_service() -> FastAPI:
    """MONAI Label's service, answering every error in words.

    Unless its settings name origins, no web page but its own may ask it: by default MONAI Label lets any page that the
    user opens read the studies. (It takes the setting when it is imported, and cannot start with one set outside.)
    """
    if not settings.MONAI_LABEL_CORS_ORIGINS:
        settings.MONAI_LABEL_CORS_ORIGINS = [f"http://127.0.0.1:{settings.MONAI_LABEL_SERVER_PORT}"]
    service: FastAPI = import_module("monailabel.app").app
    service.add_middleware(InWords)
    return service


app = build_service()
