"""The page for people: one HTML file that opens in any browser, offline, and prints on A4."""

from echocare_core.results.page.report import Section, write_report

__all__ = ["Section", "write_report"]
