"""Addresses of links and pictures: what leads nowhere, elsewhere, or where nobody should go."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from outreach.emails.markup import scheme_fault

_VAGUE = "hier|klik hier|klik|lees meer|lees verder|meer|meer info|meer informatie|meer lezen|meer weten|link|deze link"
_VAGUE += "|website|verder|download|open|bekijk|here|click here|click|read more|more|more info|this link|learn more"
_TWICE = re.compile(r"\A\w+:/*https?:?/*|\Ahttps?:/[^/]|\Ahttps?//", re.IGNORECASE)
_LOCAL = frozenset(["localhost", "localhost.localdomain", "host.docker.internal"])


class AddressFault(NamedTuple):
    """What is wrong with an address; an error or a warning."""

    code: str
    what: str
    mend: str
    error: bool = True


def faults(address: str, *, picture: bool = False) -> Iterator[AddressFault]:
    """Yield the worst thing that is wrong with an address as written, if there is any."""
    bare = address.strip()
    if bare == "#":
        yield AddressFault("link-nowhere", "a link leads nowhere ('#')", "give the whole address")
    elif "{" in bare or "}" in bare or "%7b" in bare.lower():
        what = f"{address!r} has a brace in it: a value that was never filled in?"
        yield AddressFault("link-brace", what, "write {{ name }}, or %7B for a real brace")
    elif _TWICE.match(bare):
        yield AddressFault("link-protocol", f"{address!r} begins with a broken https://", "write https:// once")
    elif fault := scheme_fault(bare):
        yield AddressFault("link-address", fault, "give the whole address")
    elif bare.lower().startswith(("mailto:", "tel:")):
        yield from _contact(bare)
    elif not bare.startswith("#"):
        yield from _web(address, bare, picture)


def _contact(address: str) -> Iterator[AddressFault]:
    kind, _, rest = address.partition(":")
    name = rest.partition("?")[0]
    wrong = (
        not _MAILBOXES.fullmatch(name)
        if kind.lower() == "mailto"
        else not re.fullmatch(r"[\d+()./ -]+", rest.split(";")[0])
    )
    if wrong or not rest:
        mend = "write mailto:name@example.be" if kind.lower() == "mailto" else "write tel:+3291234567"
        yield AddressFault("link-address", f"{address!r} is no address that works", mend)


# One or more, with nothing but commas between; a subject and what follows are after the question mark.
_MAILBOXES = re.compile(r"[^\s@,;]+@[^\s@,;]+(?:,[^\s@,;]+@[^\s@,;]+)*")


def _web(address: str, bare: str, picture: bool) -> Iterator[AddressFault]:
    host = (urlsplit(bare).hostname or "").lower()
    if re.search(r"\s", bare) or address != bare:
        yield AddressFault("link-space", f"{address!r} has a space in it", "write %20 for a space within an address")
    elif host in _LOCAL or host.endswith((".localhost", ".local", ".internal")) or _private(host):
        yield AddressFault(
            "link-local", f"{address!r} leads to a machine that readers can't reach", "give a public address"
        )
    elif "@" in urlsplit(bare).netloc:
        what = f"{address!r} has a name or password before its site, as deceivers write it"
        yield AddressFault("link-address", what, "take out all between // and @")
    elif "." not in host:
        yield AddressFault("link-address", f"{address!r} names no site", "give the whole address")
    elif "\\" in bare:
        yield AddressFault("link-address", f"{address!r} has a backslash in it", "write /")
    elif bare.lower().startswith("http://"):
        what = f"{address!r} goes without encryption (http://)"
        yield AddressFault("link-http", what, "write https://", picture)


def _private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not address.is_global


_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,24})(?:[/?#]\S*)?\Z", re.IGNORECASE)


def site_in(words: str) -> str | None:
    """Return the site that the words of a link are the address of, if they are one."""
    found = _ADDRESS.match(words.strip())
    return found[1].lower().removeprefix("www.") if found and "@" not in words else None


def site_of(address: str) -> str:
    """Return the site of an address; a link that is counted leads there all the same."""
    return (urlsplit(address).hostname or "").lower().removeprefix("www.")


def is_vague(words: str) -> bool:
    """Tell whether the words of a link say nothing of where it leads (WCAG 2.4.4)."""
    return " ".join(re.findall(r"\w+", words.lower())) in _VAGUE.split("|")


_FILE = re.compile(
    r"[\w()-]+\.(?:png|jpe?g|gif|webp|svg|avif|bmp)\Z|(?:img|image|dsc|foto|photo)[_-]?\d+\Z", re.IGNORECASE
)
_PICTURE_OF = re.compile(
    r"(?:een |an? )?(?:afbeelding|beeld|foto|plaatje|picture|image|photo|graphic|icoon|icon|logo)"
    r"(?: van| met| of| with|:|\Z)",
    re.IGNORECASE,
)


def alt_fault(alt: str) -> str | None:
    """Say what is wrong with an alt text (WCAG 1.1.1); None for one that may say something."""
    if _FILE.match(alt.strip()):
        return "is the name of a file"
    if _PICTURE_OF.match(alt.strip()) and not alt.strip().lower().startswith("logo van"):
        return "says that it is a picture, which a screen reader says already"
    return None
