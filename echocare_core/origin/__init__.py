"""How a result is made: which configuration runs, what in it is not the bundle's own, and what computes."""

from echocare_core.origin.record import describe_origin, describe_run, find_origin, what_ran
from echocare_core.origin.running import Running, find_running

__all__ = ["Running", "describe_origin", "describe_run", "find_origin", "find_running", "what_ran"]
