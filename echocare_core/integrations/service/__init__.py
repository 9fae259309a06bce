"""The models as a service: one process for each, asked by HTTP (`echocare serve`).

`serve` starts it. The server (`app`, `guard`, `upload`, `queue`, `worker`) imports neither PyTorch nor MONAI; what runs
in the process of a model is `process`, `served` and `answers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echocare_core.errors import SettingsError
from echocare_core.integrations.service.bearer import take_token
from echocare_core.integrations.service.limits import Limits
from echocare_core.optional import check_installed

__all__ = ["Limits", "serve"]


def serve(
    bundles: Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_env: str | None = None,
    limits: Limits | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Serve bundles by HTTP until the process is told to end.

    Args:
        bundles: names or folders.
        host: where to listen; another than loopback needs a token.
        port: 0 takes a free one, which the log names.
        token_env: variable of the environment with the token; `ECHOCARE_TOKEN`, if it is set, when None.
        limits: of requests.
        settings: of every bundle, as for `predict`.

    Raises:
        SettingsError: FastAPI is not installed; no token where one is needed; a port that is taken.
        EchoCareError: a bundle that cannot be loaded, as of `predict`.
    """
    check_installed("fastapi", "python_multipart", "uvicorn", subject="A service", error=SettingsError)
    from echocare_core.integrations.service.serve import run_service

    token = take_token(token_env)
    run_service(bundles, host=host, port=port, token=token, limits=limits or Limits(), settings=settings or {})
