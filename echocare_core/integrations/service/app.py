"""What can be asked of the service, and how it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse

from echocare_core.errors import EchoCareError
from echocare_core.integrations.service.bearer import Token
from echocare_core.integrations.service.bundles import describe_bundle
from echocare_core.integrations.service.faults import Fault, Refused, fault_of
from echocare_core.integrations.service.folders import new_request_folder, remove
from echocare_core.integrations.service.guard import Guard, headers_of
from echocare_core.integrations.service.job import Answer, Job, form_of, frames_of
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.metrics import Metrics
from echocare_core.integrations.service.page import ANSWERS, BODY, DESCRIPTION, FRAMES, page_of
from echocare_core.integrations.service.queue import ModelQueue
from echocare_core.integrations.service.upload import receive
from echocare_core.version import __version__

LOOK_S = 5.0  # how often processes that have ended unasked are looked for

Model = Annotated[str, PathParameter(description="Name of a model, one of those above.")]
Frames = Annotated[str | None, Query(description=FRAMES, examples=["0,4,8-12"])]
Files = Annotated[
    Literal["outputs", "all", "none"],
    Query(description="Which files stand in JSON as base64: outputs, such as masks (without it), all, or none."),
]
Dicom = Annotated[bool, Query(description="Write DICOM objects too: dicom/ of a ZIP; in JSON with files=all.")]


class Service:
    """What the routes share.

    Args:
        folders: of the bundles, by name.
        queues: of the models, by name.
        limits: of requests.
        token: that they carry.
        folder: private, for their files.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        queues: Mapping[str, ModelQueue],
        limits: Limits,
        token: Token,
        folder: Path,
    ) -> None:
        self.folders, self.queues, self.limits, self.token, self.folder = folders, queues, limits, token, folder
        self.metrics = Metrics()

    def close(self) -> None:
        """Refuse what waits and what comes; what is worked on goes on."""
        for queue in self.queues.values():
            queue.closing = True

    def queue_of(self, name: str) -> ModelQueue:
        """The queue of a bundle.

        Raises:
            Refused: with 404.
        """
        if name not in self.queues:
            known = ", ".join(self.queues)
            raise Refused(404, "NoBundle", f"No bundle of that name is served; needed one of {known}. Ask for one.")
        return self.queues[name]

    async def watch(self) -> None:
        """Start processes again that end while nobody asks."""
        while True:
            await asyncio.sleep(LOOK_S)
            for queue in self.queues.values():
                queue.revive()


def build_app(service: Service) -> Guard:
    """The ASGI application of a service."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.get_running_loop().create_task(service.watch())
        yield
        watching.cancel()

    app = FastAPI(
        title="EchoCare", version=__version__, description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=life
    )
    _add_questions(app, service)
    _add_predict(app, service)
    _add_faults(app)
    return Guard(app, service.token, service.queues.keys(), service.metrics)


def _add_questions(app: FastAPI, service: Service) -> None:
    """Routes that say something about the service."""

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        address = str(request.base_url).rstrip("/")
        return HTMLResponse(page_of(app.openapi(), service.queues.keys(), service.limits, address))

    @app.get("/health", summary="Whether the server answers")
    async def health() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/ready", summary="Whether every model is loaded; 503 while one is started again")
    async def ready() -> JSONResponse:
        models = {name: queue.worker.is_alive and not queue.closing for name, queue in service.queues.items()}
        is_ready = all(models.values())
        return JSONResponse({"ready": is_ready, "models": models}, 200 if is_ready else 503)

    @app.get("/bundles", summary="The models: names, versions, labels, outputs, checksum of the weights")
    async def bundles() -> list[dict[str, Any]]:
        return [
            describe_bundle(service.folders[name], queue.worker.about.about) for name, queue in service.queues.items()
        ]

    @app.get("/metrics", summary="Requests, seconds, queues and memory, for Prometheus")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(service.metrics.text(service.queues), media_type="text/plain; version=0.0.4")


def _add_predict(app: FastAPI, service: Service) -> None:
    """The route that the service is there for."""

    @app.post("/predict/{bundle}", summary="Run a model on files", openapi_extra=BODY, responses=ANSWERS)
    async def predict(
        request: Request, bundle: Model, frames: Frames = None, files: Files = "outputs", dicom: Dicom = False
    ) -> FileResponse:
        queue = service.queue_of(bundle)
        form, single = form_of(request.headers.get("accept", ""))
        wanted = frames_of(frames)
        with ExitStack() as kept:
            kept.enter_context(queue.place())
            folder = new_request_folder(service.folder)
            kept.callback(remove, folder)
            sent = await receive(
                request.headers.get("content-type", ""),
                request.headers.get("content-length"),
                request.stream(),
                folder / "upload",
                service.limits,
            )
            answer = await queue.run(Job(sent, folder, form, wanted, files, dicom, single))
            return _Once(answer, service.limits.seconds, kept.pop_all())


class _Once(FileResponse):
    """An answer that is sent once: what was kept for it is given up then, whether it arrived or not."""

    def __init__(self, answer: Answer, seconds: float, kept: ExitStack) -> None:
        super().__init__(answer.path, media_type=answer.media_type)
        self._seconds, self._kept = seconds, kept

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._kept:
            await asyncio.wait_for(super().__call__(scope, receive, send), self._seconds)


def _add_faults(app: FastAPI) -> None:
    """What is answered in place of results, always in the same form."""

    @app.exception_handler(EchoCareError)
    async def refused(request: Request, error: EchoCareError) -> JSONResponse:
        return _answered(request, fault_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        names = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
        message = (
            f"The parameter {names} has a value that it cannot have; needed one of those on the page /. Correct it."
        )
        return _answered(request, Fault(422, "WrongParameter", message))

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        message = f"Nothing answers there ({error.status_code}); needed a path and method of the page /. Correct it."
        return _answered(request, Fault(error.status_code, "NotFound", message))


def _answered(request: Request, fault: Fault) -> JSONResponse:
    request.state.fault = fault  # for the log
    return JSONResponse(fault.as_json(), fault.status, headers_of(fault))
