"""What may be written as the value of a setting or in a campaign file, each refused with an example of how."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

_HOUR = r"(?:[01]\d|2[0-3]):[0-5]\d"
_WINDOW = re.compile(rf"(?:daily )?(?P<opens>{_HOUR})-(?P<closes>{_HOUR}|24:00)")


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address such as https://nieuws.example.be")
    return value.rstrip("/")


def _one_line(value: str) -> str:
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in value):
        raise ValueError("must be one line without control characters")
    return value.strip()


def _host_name(value: str) -> str:
    name = value.strip().rstrip(".").lower()
    if name and not re.fullmatch(
        r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", name
    ):
        raise ValueError(f"{value!r} is no name in DNS: write it in letters, digits, - and dots (é as xn--…)")
    return name


def _proxy_address(value: str) -> str:
    try:
        return str(ip_network(value) if "/" in value else ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address or network such as 10.0.0.2 or 10.0.0.0/24") from None


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be a site without a path, such as https://www.example.be")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _named(value: object) -> object:
    """Take `code=Label, code=Label` too, which is how the environment writes a table."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return {code.strip(): label.strip() for code, _, label in pairs}


def _topics(value: dict[str, str]) -> dict[str, str]:
    for code, label in value.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", code):
            raise ValueError(f"{code!r} is no code for a topic: write lower-case letters, digits and - only")
        if not label:
            raise ValueError(f'{code!r} has no label: write what people read, e.g. {code} = "Bezoekdagen"')
    return value


def checked_window(value: str) -> str:
    """Return the words of a window; ValueError if they are none."""
    if value in ("always", "office"):
        return value
    found = _WINDOW.fullmatch(value)
    if not found or found["opens"] >= found["closes"]:
        raise ValueError("must be always, office, hours such as 08:00-20:00 (on working days), or daily 08:00-20:00")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
ProxyAddress = Annotated[str, AfterValidator(_proxy_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
HostName = Annotated[str, AfterValidator(_host_name)]
Line = Annotated[str, AfterValidator(_one_line)]
Window = Annotated[Line, AfterValidator(checked_window)]
Topics = Annotated[dict[str, Line], BeforeValidator(_named), AfterValidator(_topics)]
