"""The archive as an Atom feed (RFC 4287); an entry keeps its id whatever becomes of its address."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as Tree

from outreach.campaigns.editions import EditionCard
from outreach.links import Links
from outreach.settings import Settings

ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml; charset=utf-8"
LATEST = 30
_SPACE = uuid.UUID("7f1a1c8e-5a2d-5a6f-9d0b-2f2f4d3f6b11")  # ours, for ids made from codes


def write_feed(found: Sequence[EditionCard], *, settings: Settings, links: Links, started: datetime) -> bytes:
    """Return the feed of the latest newsletters; `started` is its time while there is none."""
    Tree.register_namespace("", ATOM)
    feed = Tree.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "nl"})
    _say(feed, "title", f"Nieuwsbrieven van {settings.site.name}")
    _say(feed, "id", f"{links.base}/nieuwsbrieven")
    _say(feed, "updated", _time(max((each.published_at for each in found), default=started)))
    _link(feed, "self", f"{links.base}/nieuwsbrieven.atom", "application/atom+xml")
    _link(feed, "alternate", f"{links.base}/nieuwsbrieven", "text/html")
    author = Tree.SubElement(feed, f"{{{ATOM}}}author")
    _say(author, "name", settings.sender.name or settings.site.name)
    for each in found[:LATEST]:
        entry = Tree.SubElement(feed, f"{{{ATOM}}}entry")
        _say(entry, "title", each.title)
        _say(entry, "id", f"urn:uuid:{uuid.uuid5(_SPACE, each.code)}")
        _say(entry, "published", _time(each.sent_at))
        _say(entry, "updated", _time(each.published_at))
        _link(entry, "alternate", links.edition(each.name), "text/html")
        _say(entry, "summary", each.summary or each.title)
    return bytes(Tree.tostring(feed, encoding="utf-8", xml_declaration=True))


def _say(parent: Tree.Element, name: str, text: str) -> None:
    Tree.SubElement(parent, f"{{{ATOM}}}{name}").text = text


def _link(parent: Tree.Element, relation: str, address: str, media_type: str) -> None:
    Tree.SubElement(parent, f"{{{ATOM}}}link", {"rel": relation, "href": address, "type": media_type})


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
