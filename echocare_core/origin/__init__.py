"""How a result is made: which configuration runs, and what in it is not the bundle's own."""

from echocare_core.origin.running import Running, find_running

__all__ = ["Running", "find_running"]
