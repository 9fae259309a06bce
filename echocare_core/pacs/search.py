"""Searches of a PACS (QIDO-RS), page by page, asked in a plainer way where the server refuses how it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from echocare_core.errors import PacsError
from echocare_core.pacs.query import UID
from echocare_core.types import SetAside

MOST_ITEMS = 1_000_000  # of one fetch: ten years of a large department; more means a search that never ends
PAGE = 500
LARGEST_PAGE = 100_000  # asked for where a server knows no pages
# Whether to name the modality, and how many items to ask for at once: what not every server takes, the usual way first.
WAYS = ((True, PAGE), (True, 100), (False, 100), (True, None), (False, None))
LIMITS = (10, 25, 32)  # a page as long as a multiple of these may have been cut there
BY_MODALITY = ("ModalitiesInStudy", "Modality")
REFUSALS = (400, 405, 406, 422, 500, 501)
ROOT_IS_NEEDED = (
    "Needed is the root of its DICOMweb service, which often ends in /dicom-web, /dicomweb or /rs. Correct the address."
)

Item = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """What is searched for.

    Attributes:
        name: as a sentence names it, such as "series".
        search: the call that does it (PS3.18 10.6).
        key: tag of the attribute that tells its items apart.
    """

    name: str
    search: Callable[..., Any]
    key: str


class _Refused(Exception):  # noqa: N818
    """The server does not take a request; its text is the status."""


class Searches:
    """All searches of one server, which remember how it wants to be asked.

    Args:
        address: of the service, to be named in errors.
        set_aside: what cannot be had is added here.
    """

    def __init__(self, address: str, set_aside: list[SetAside]) -> None:
        self._address = address
        self._set_aside = set_aside
        self._way = 0  # of `WAYS`
        self._left = MOST_ITEMS

    def all(self, resource: Resource, filters: dict[str, str], **where: str) -> Iterator[Item]:
        """Each item that a search finds, once, until a page brings none that is new: servers cut pages as they like.

        Args:
            resource: what to search for.
            filters: by keyword; those of `BY_MODALITY` are left out where the server does not take them.
            where: UIDs of the study and series to search in.

        Raises:
            PacsError: the server cannot be searched, or finds no end.
        """
        seen: set[str] = set()
        asked = 0
        page = self._first_page(resource, filters, where)
        while new := self._new(page, resource.key, seen):
            yield from new
            asked += len(page)
            try:
                page = self._page(resource, {**where, **self._options(filters), "offset": asked})
            except _Refused:
                break
        if page:  # it does not go on, or begins again
            yield from self._without_pages(resource, {**where, **self._options(filters)}, seen)

    def _first_page(self, resource: Resource, filters: dict[str, str], where: dict[str, str]) -> list[Item]:
        """Asked in one way after the other; the first that is taken serves from now on."""
        answers: dict[str, str] = {}
        for way in range(self._way, len(WAYS)):
            self._way = way
            options = self._options(filters)
            asked = _in_words(resource, options)
            if asked in answers:
                continue
            try:
                return self._page(resource, {**where, **options})
            except _Refused as refusal:
                answers[asked] = str(refusal)
        told = [f"{asked} ({answer})" for asked, answer in answers.items()]
        plainer = f", and asked more plainly {told[-1]}" if told[1:] else ""
        raise PacsError(
            f"{self._address} cannot do this search: {told[0]}{plainer}. {ROOT_IS_NEEDED} If that is right, look at "
            "the server's log."
        )

    def _options(self, filters: dict[str, str]) -> dict[str, Any]:
        """The filters and the limit, in the way that the server takes."""
        by_modality, limit = WAYS[self._way]
        taken = {name: value for name, value in filters.items() if by_modality or name not in BY_MODALITY}
        return {"search_filters": taken, **({"limit": limit} if limit else {})}

    def _without_pages(self, resource: Resource, options: dict[str, Any], seen: set[str]) -> Iterator[Item]:
        """What a server has beyond its first page where it knows no further ones; said where there may be more."""
        try:
            new = self._new(self._page(resource, {**options, "limit": LARGEST_PAGE}), resource.key, seen)
        except _Refused:
            new = []
        yield from new
        if not new and any(len(seen) % limit == 0 for limit in LIMITS):
            reason = (
                f"The server stops after {len(seen)} {resource.name} and does not go on (offset), so there may be "
                "more. Name fewer days, or the studies."
            )
            self._set_aside.append(SetAside("search", reason))

    def _page(self, resource: Resource, options: dict[str, Any]) -> list[Item]:
        try:
            items = resource.search(**options)
        except requests.HTTPError as fault:
            status = fault.response.status_code
            if status in REFUSALS:
                raise _Refused(f"{status} {HTTPStatus(status).phrase}") from None
            raise PacsError(f"{self._address} {_why(status)}") from None
        except (ValueError, RecursionError):
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) and resource.key in item for item in items):
            raise PacsError(
                f"{self._address} answers a search with no DICOM JSON, but with a web page or the like. "
                f"{ROOT_IS_NEEDED}"
            )
        return items

    def _new(self, items: list[Item], key: str, seen: set[str]) -> list[Item]:
        """Those that were not seen before; without a valid UID they are set aside."""
        new = {uid: item for item in items if (uid := value_of(item, key)) not in seen}
        seen.update(new)
        self._left -= len(new)
        if self._left < 0:
            raise PacsError(
                f"{self._address} finds more than {MOST_ITEMS:,} studies, series and objects, and no end. Name fewer "
                "days, or the studies."
            )
        invalid = [uid for uid in new if not UID.fullmatch(uid)]
        reason = "A study, series or object has no valid UID. Correct its UID."
        self._set_aside += [SetAside("search", reason) for _ in invalid]
        return [item for uid, item in new.items() if uid not in invalid]


def value_of(item: Item, tag: str) -> str:
    """The first value of an attribute in DICOM JSON (PS3.18 F.2); "" where it has none."""
    try:
        return str(item[tag]["Value"][0] or "").strip(" \0")
    except (KeyError, IndexError, TypeError):
        return ""


def _in_words(resource: Resource, options: dict[str, Any]) -> str:
    """A search without the values that may name a patient."""
    names = [*options["search_filters"], *(f"{name} {value}" for name, value in options.items() if name == "limit")]
    return f"{resource.name} by {', '.join(names)}" if names else resource.name


def _why(status: int) -> str:
    if status == requests.codes.forbidden:
        return f"does not let these credentials search ({status}). Ask its administrator, or use others."
    if status == requests.codes.not_found:
        return f"has no DICOMweb search ({status}). {ROOT_IS_NEEDED}"
    if status == requests.codes.request_entity_too_large:
        return f"finds too much for one search ({status}). Name fewer days, or the studies."
    return f"cannot do this search ({status}). {ROOT_IS_NEEDED} If that is right, look at the server's log."
