"""What a run leaves behind: masks and overlays, a table for machines and a page for people."""

from echocare_core.results.overlay import draw_overlay
from echocare_core.results.summary import write_summary
from echocare_core.results.writer import ResultsWriter

__all__ = ["ResultsWriter", "draw_overlay", "write_summary"]
