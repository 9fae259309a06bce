"""`echocare serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from echocare_core.cli.arguments import Settings, parse_names, parse_settings
from echocare_core.integrations.service.limits import Limits

DEFAULT = Limits()


def serve(
    bundles: Annotated[
        str, typer.Option("--bundles", metavar="A,B", help="Names or folders of bundles, with commas between.")
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on. Another than 127.0.0.1 needs a token, and TLS in front.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one, which the log names.")] = 8000,
    token_env: Annotated[
        str | None,
        typer.Option("--token-env", metavar="NAME", help="Variable with the token; ECHOCARE_TOKEN without it."),
    ] = None,
    upload_mib: Annotated[
        int, typer.Option("--upload-mib", help="Largest request, in MiB; 413 beyond.")
    ] = DEFAULT.upload_mib,
    unpacked_mib: Annotated[
        int, typer.Option("--unpacked-mib", help="What a ZIP archive may unpack to, in MiB; 413 beyond.")
    ] = DEFAULT.unpacked_mib,
    files: Annotated[int, typer.Option("--files", help="Most files of one request; 413 beyond.")] = DEFAULT.files,
    frames: Annotated[int, typer.Option("--frames", help="Most frames of one request; 413 beyond.")] = DEFAULT.frames,
    seconds: Annotated[
        float, typer.Option("--seconds", help="To receive, to wait, to predict and to answer, each; 408, 503, 504.")
    ] = DEFAULT.seconds,
    waiting: Annotated[
        int, typer.Option("--waiting", help="Requests that wait for one model; 503 with Retry-After beyond.")
    ] = DEFAULT.waiting,
    memory_mib: Annotated[
        int, typer.Option("--memory-mib", help="Memory of the process of one model; it is started again beyond.")
    ] = DEFAULT.memory_mib,
    settings: Settings = None,
) -> None:
    """Answer predictions by HTTP, one process per model that stays loaded; the page at / says how to ask.

    The numbers are those of `echocare predict`. What is sent stands in a private temporary folder until it is answered;
    the log names no patient, file or address. With a token, requests carry Authorization: Bearer TOKEN. It ends at
    Ctrl-C or SIGTERM: what is worked on is answered, what waits is refused. `pip install 'echocare[service]'` brings
    what it needs.
    """
    from echocare_core.integrations.service import serve as run

    limits = Limits(upload_mib, unpacked_mib, files, frames, seconds, waiting, memory_mib)
    run(
        parse_names(bundles),
        host=host,
        port=port,
        token_env=token_env,
        limits=limits,
        settings=parse_settings(settings),
    )
