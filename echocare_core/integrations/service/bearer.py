"""Who may ask: a token that the environment holds, and without one this machine alone."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from ipaddress import ip_address

from echocare_core.errors import SettingsError
from echocare_core.integrations.service.faults import Refused

VARIABLE = "ECHOCARE_TOKEN"
SHORTEST = 16  # characters; `openssl rand -hex 32` gives 64


class Token:
    """A secret that requests carry as `Authorization: Bearer TOKEN`.

    Args:
        secret: the token; None where everybody who reaches the service may ask.

    Raises:
        SettingsError: it is too short, or has other characters than a header takes.
    """

    def __init__(self, secret: str | None) -> None:
        if secret is not None and (len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable()):
            raise SettingsError(
                f"The token has {len(secret)} characters, or some that no header takes; needed {SHORTEST} or more of "
                "letters and digits. Make one with `openssl rand -hex 32`."
            )
        self._secret = None if secret is None else secret.encode("ascii")

    def __repr__(self) -> str:
        return "Token(none)" if self._secret is None else "Token(secret)"

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self._secret is not None

    def check(self, authorization: str) -> None:
        """Check the header of a request, in a time that tells nothing of the token.

        Raises:
            Refused: with 401.
        """
        scheme, _, given = authorization.partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._secret or b"")
        if self.is_set and not (is_right and scheme.lower() == "bearer"):
            found = "another token" if given else "no token"
            raise Refused(
                401,
                "Unauthorized",
                f"The request carries {found}; needed the header Authorization: Bearer TOKEN. Ask who runs this.",
            )


def take_token(variable: str | None) -> Token:
    """Take the token out of the environment, so that no process that is started later has it.

    Args:
        variable: its name; None for `ECHOCARE_TOKEN`, which may be unset.

    Raises:
        SettingsError: a variable that was named is not set, or the token is too short.
    """
    secret = os.environ.pop(variable or VARIABLE, None)
    if variable and not secret:
        raise SettingsError(f"{variable} is not set; needed the token in it. Set it, or leave --token-env out.")
    return Token(secret or None)


def check_host(host: str, token: Token) -> None:
    """Check that a service which others can reach asks for a token.

    Raises:
        SettingsError: it does not.
    """
    if not is_loopback(host) and not token.is_set:
        raise SettingsError(
            f"{host} is reached from other machines, and no token is set; needed one in {VARIABLE}. Set it, and put "
            "a reverse proxy with TLS in front: the service itself speaks plain HTTP. Or leave --host out."
        )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_asked_by_this_machine(headers: Mapping[str, str]) -> None:
    """Check who asks a service on loopback, without a token: no page of another site in a browser.

    Such a page can send a request, and where it asks this machine by another name (DNS rebinding) it reads the answer.

    Args:
        headers: of the request, their names in small letters.

    Raises:
        Refused: with 421, by another name than that of this machine; with 403, from another site.
    """
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(
            403,
            "OtherSite",
            "A page of another site sent the request; needed one of this machine. Ask by a program, or set a token.",
        )
    header = headers.get("host", "")
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdecimal() else header
    if not is_loopback(name):
        raise Refused(
            421,
            "Misdirected",
            "The request names another host; needed localhost or 127.0.0.1, since no token is set. Ask by that name, "
            "or set a token.",
        )
