"""Around every request: who may ask, what is logged, and that each one ends in an answer."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import suppress
from typing import Any

from echocare_core.integrations.service.bearer import Token, check_asked_by_this_machine
from echocare_core.integrations.service.faults import Fault, Refused, fault_of
from echocare_core.integrations.service.metrics import Metrics

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
LOG = logging.getLogger("echocare.service")
OPEN = ("/", "/health", "/ready", "/openapi.json")  # what needs no token: nothing in it is anybody's
DRAINED_BYTES, DRAINED_S = 64 << 20, 10.0  # read and thrown away, so that a client that still sends hears the refusal
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class Guard:
    """ASGI application around another one.

    The log has method, route, model, status, seconds and bytes of a request and the number that its answer carries as
    X-Request-ID: no address, no query, no name of a file.

    Args:
        app: the application.
        token: that requests carry.
        models: names of the bundles that are served.
        metrics: where requests are counted.
    """

    def __init__(self, app: App, token: Token, models: Collection[str], metrics: Metrics) -> None:
        self._app, self._token, self._models, self._metrics = app, token, models, metrics

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        try:
            self._check(scope)
            await self._app(scope, exchange.receive, exchange.send)
        except Refused as refused:
            await exchange.refuse(refused.fault)
        except Exception as error:  # noqa: BLE001  (each request ends in an answer and a line of the log)
            exchange.fault = fault_of(error)
            with suppress(Exception):  # the client is gone
                await exchange.refuse(exchange.fault)
        finally:
            self._note(scope, exchange)

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._token.is_set:
            check_asked_by_this_machine(headers)
        elif scope["path"] not in OPEN:
            self._token.check(headers.get("authorization", ""))

    def _note(self, scope: Message, exchange: _Exchange) -> None:
        route = getattr(scope.get("route"), "path", "?")
        named = (scope.get("path_params") or {}).get("bundle", "")
        model = named if named in self._models else ""
        seconds = time.monotonic() - exchange.begun
        self._metrics.count(model, exchange.status, seconds, exchange.received)
        fault = scope.get("state", {}).get("fault") or exchange.fault
        why = f" {fault.error}{f' ({fault.where})' if fault.where else ''}" if fault else ""
        LOG.info(
            "%s %s %s%s %d %.3f s %d bytes%s", exchange.number, scope["method"], route, f" {model}" if model else "",
            exchange.status, seconds, exchange.received, why,
        )  # fmt: skip


class _Exchange:
    """One request and its answer."""

    def __init__(self, receive: Any, send: Any) -> None:
        self.number, self.begun = secrets.token_hex(6), time.monotonic()
        self.status, self.received = 499, 0  # 499: nobody waited for the answer
        self.fault: Fault | None = None
        self._receive, self._send = receive, send
        self._ended = False

    async def receive(self) -> Message:
        message: Message = await self._receive()
        self.received += len(message.get("body", b""))
        self._ended = self._ended or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status >= 400 and not self._ended:
                await self._drain()
            extra = {"x-request-id": self.number, **HEADERS}
            own = [(name.encode("ascii"), value.encode("ascii")) for name, value in extra.items()]
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await self._send(message)

    async def refuse(self, fault: Fault) -> None:
        """Answer with a fault, where nothing has been answered yet."""
        self.fault = fault
        if self.status != 499:
            return
        body = json.dumps(fault.as_json()).encode("ascii")
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode("ascii"))]
        for name, value in headers_of(fault).items():
            headers.append((name.encode("ascii"), value.encode("ascii")))
        await self.send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def _drain(self) -> None:
        """Read what still comes: a client that sends first and listens then would only see its connection closed."""
        most = self.received + DRAINED_BYTES
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._throw_away(most), DRAINED_S)

    async def _throw_away(self, most: int) -> None:
        while not self._ended and self.received < most:
            await self.receive()


def headers_of(fault: Fault) -> dict[str, str]:
    """Headers that go with a fault."""
    again = {"Retry-After": str(fault.retry_after_s)} if fault.retry_after_s is not None else {}
    return {**again, **({"WWW-Authenticate": "Bearer"} if fault.status == 401 else {})}
