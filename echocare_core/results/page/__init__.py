"""The page for people: one HTML file that opens in any browser, offline, and prints on A4."""

from echocare_core.results.page.picture import picture_of, waiting_path
from echocare_core.results.page.pictures import PagePictures, WaitingPictures
from echocare_core.results.page.report import Section, write_report

__all__ = ["PagePictures", "Section", "WaitingPictures", "picture_of", "waiting_path", "write_report"]
