"""`echocare demo`."""

from __future__ import annotations

from echocare_core.cli.arguments import Out, Overwrite, say_what_was_written


def demo(out: Out, overwrite: Overwrite = False) -> None:
    """Run two bundles on the small export that comes with this package: real images, about a minute."""
    from echocare_core.demo import run_demo

    say_what_was_written(run_demo(out, overwrite=overwrite))
