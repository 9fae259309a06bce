"""HTTP to a PACS: who asks, how long to wait, how often to try again, and each fault in one sentence."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from echocare_core.errors import PacsDown, PacsError, SettingsError
from echocare_core.pacs.bounded import BoundedAdapter

USER, PASSWORD, TOKEN = "ECHOCARE_PACS_USER", "ECHOCARE_PACS_PASSWORD", "ECHOCARE_PACS_TOKEN"
CERTIFICATE, KEY = "ECHOCARE_PACS_CERTIFICATE", "ECHOCARE_PACS_KEY"  # paths of PEM files
HOW_TO_SAY_WHO = f"Set {USER} and {PASSWORD}, or {TOKEN}, or {CERTIFICATE} (and {KEY}), or write a netrc file"
TIMEOUT_S = (10, 120)  # to connect; between two pieces of an answer, which an archive on tape is slow to give
BACKOFF_S = 0.5  # between attempts 0, 1, 2, 4, 8 s
LONGEST_WAIT_S = 60.0
BUSY = (429, 502, 503, 504)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Their logs quote addresses and values, which name patients.
QUOTING = ("dicomweb_client", "pydicom", "pynetdicom", "requests", "retrying", "urllib3")


class PacsSession(requests.Session):
    """A session that knows its credentials, waits, tries again, and whose errors quote no address.

    Who asks comes from the environment (`HOW_TO_SAY_WHO`), never from an argument. Certificates of servers are always
    verified. Faults of the server are `PacsError`; any other status is left to the caller.

    Args:
        address: root of the DICOMweb service, to be named in errors.
        ca_bundle: PEM file with the certificates to trust; those of the system's `REQUESTS_CA_BUNDLE`, or of certifi,
            when None.

    Raises:
        SettingsError: credentials that contradict each other, or a file of them that is not there.
    """

    def __init__(self, address: str, ca_bundle: Path | None = None) -> None:
        super().__init__()
        self._address = address
        self._ca_bundle = pem_file(ca_bundle, "CA bundle") if ca_bundle else None
        self.auth = _credentials()
        self.cert = client_certificate()
        retry = _Retry(
            total=5, connect=3, read=2, backoff_factor=BACKOFF_S, status_forcelist=BUSY, raise_on_status=False
        )
        for scheme in ("http://", "https://"):
            self.mount(scheme, BoundedAdapter(max_retries=retry))
        warn_of_plain_text(address, "https")

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Send a request, again if need be.

        Raises:
            PacsDown: the server cannot be reached, or is busy.
            PacsError: it cannot be trusted, or does not accept who asks.
        """
        options["timeout"] = TIMEOUT_S
        if self._ca_bundle:
            options["verify"] = self._ca_bundle  # given here, it comes before REQUESTS_CA_BUNDLE
        try:
            response = super().request(method, url, *args, **options)
        except (requests.RequestException, OSError) as fault:
            kind = PacsDown if _may_pass(fault) else PacsError
            raise kind(f"{self._address} {_why(fault)}") from None  # its own text quotes the address
        if response.status_code in (401, 407):
            known = self.auth or self.cert or "Authorization" in response.request.headers
            found = "does not accept these credentials" if known else "asks for credentials"
            raise PacsError(f"{self._address} {found} ({response.status_code}). {HOW_TO_SAY_WHO}.")
        if response.status_code in BUSY:
            raise PacsDown(
                f"{self._address} is too busy or down ({response.status_code}, after several attempts). Run the same "
                "command again later; it goes on where it stopped."
            )
        return response


def warn_of_plain_text(address: str, encrypted: str) -> None:
    """Say it where an address of another machine is not encrypted.

    Args:
        address: of a PACS.
        encrypted: the scheme that is.
    """
    if urlsplit(address).scheme != encrypted and urlsplit(address).hostname not in LOOPBACK:
        logging.getLogger(__name__).warning(
            "%s is not encrypted: pictures, names and passwords can be read on the way. Use %s if it has it.",
            address,
            encrypted,
        )


@contextmanager
def suppress_library_logs() -> Iterator[None]:
    """Keep the libraries of HTTP silent: what they log quotes addresses with patient ids in them."""
    named = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in QUOTING]
    loggers = [logging.getLogger(name) for name in named]
    disabled = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, before in zip(loggers, disabled, strict=True):
            logger.disabled = before


class _Retry(Retry):
    """Waits as long as the server says, but not longer than a minute."""

    def get_retry_after(self, response: Any) -> float | None:
        wait_s = super().get_retry_after(response)
        return None if wait_s is None else min(wait_s, LONGEST_WAIT_S)


class _Bearer(AuthBase):
    """A token; as `auth` and not as a header of the session, because a netrc file would replace that."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _credentials() -> AuthBase | None:
    """Basic or bearer; None leaves it to a netrc file, which requests looks up itself."""
    user, password, token = (os.environ.get(name, "").strip() for name in (USER, PASSWORD, TOKEN))
    if token and user:
        raise SettingsError(f"Both {TOKEN} and {USER} are set; needed one of them. Unset the other.")
    if bool(user) != bool(password):
        raise SettingsError(f"Only one of {USER} and {PASSWORD} is set; needed both. Set the other.")
    return _Bearer(token) if token else HTTPBasicAuth(user.encode(), password.encode()) if user else None


def client_certificate() -> str | tuple[str, str] | None:
    """Path of the PEM file by which a server knows this side, and of its key where that stands apart; None without.

    Raises:
        SettingsError: a file that the environment names is not there.
    """
    certificate, key = os.environ.get(CERTIFICATE), os.environ.get(KEY)
    if not certificate:
        return None
    path = pem_file(Path(certificate), CERTIFICATE)
    return (path, pem_file(Path(key), KEY)) if key else path


def pem_file(path: Path, what: str) -> str:
    """The path of a file that is there.

    Raises:
        SettingsError: it is not.
    """
    if not path.is_file():
        raise SettingsError(f"No file at {path} for {what}; needed a PEM file. Correct the path.")
    return str(path)


def _why(fault: Exception) -> str:
    if isinstance(fault, requests.exceptions.SSLError):
        return (
            "cannot be trusted, or does not trust this side: the encrypted connection failed. Give the certificates of "
            "your hospital with --ca-bundle, and check those of the client."
        )
    if isinstance(fault, requests.exceptions.ProxyError):
        return "cannot be reached through the proxy. Check HTTPS_PROXY and NO_PROXY."
    if isinstance(fault, requests.exceptions.TooManyRedirects):
        return "sends from one address to the next without end. Check the address."
    if isinstance(fault, requests.ReadTimeout) or isinstance(_reason(fault), ReadTimeoutError):
        return f"did not answer within {TIMEOUT_S[1]} s, several times. Run the same command again later; it goes on."
    if isinstance(fault, requests.ConnectionError):
        return (
            "cannot be reached; a server that runs and lets this machine in is needed. Check the address, the port and "
            "the firewall, and run the same command again; it goes on where it stopped."
        )
    return f"cannot be asked ({type(fault).__name__}). Check the address and the credentials."


def _may_pass(fault: Exception) -> bool:
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    never = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
    return isinstance(fault, passing) and not isinstance(fault, never)


def _reason(fault: Exception) -> object:
    """What urllib3 gave up on, where it tried several times."""
    return getattr(fault.args[0], "reason", None) if fault.args else None
