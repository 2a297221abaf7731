"""MJML as mrml needs it: well-formed, shallow, known tags; and what mrml leaves to be done on its HTML.

mrml reports few faults with a place, renders unknown tags silently and kills the process at about 1,500 levels of
nesting; so everything it would stumble over is found here first, at its position in the text.
"""

from __future__ import annotations

import html as entities
import re
from urllib.parse import urlsplit

from markupsafe import escape

MAX_DEPTH = 100
# Each becomes a thousand characters of HTML, and carries what mj-attributes says of all.
MAX_BLOCKS = 3000
MAX_SHARED = 4 * 1024 * 1024
SCHEMES = ("http", "https", "mailto", "tel")

_TOKEN = re.compile(
    r"<!--(?P<comment>.*?)-->"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][\w:-]*)(?P<attributes>(?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+)>"
    r"|(?P<raw><)",
    re.DOTALL,
)
_VOID = frozenset(["area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
_MJ_TAGS = (
    "mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-preview mj-style "
    "mj-title mj-raw mj-accordion mj-accordion-element mj-accordion-title mj-accordion-text mj-button mj-carousel "
    "mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image mj-navbar mj-navbar-link mj-section mj-social "
    "mj-social-element mj-spacer mj-table mj-text mj-wrapper"
)
_MJ = frozenset(_MJ_TAGS.split())
_NO_LANG = ' lang="und"'
_ARTICLE = re.compile(r' aria-roledescription="email"([^<>]*?) role="article"')
_PREHEADER = "display:none;font-size:1px;color:#ffffff;"
_MAIN = r'\1 role="main"'
_OPENED = re.compile(r"<[a-zA-Z](?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+>")
_EMPTY_TITLE = re.compile(r"<title>\s*</title>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_TARGETS = frozenset(["href", "src", "action"])
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEAD = re.compile(r"<head\b.*?</head>|<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_ANY_TAG = re.compile(r"<(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]+")


class MarkupFault(Exception):
    """MJML that can't be rendered, with the place in its text."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset


def examine(mjml: str) -> None:
    """Raise `MarkupFault` at the first thing that mrml would stumble over, render wrongly or die of."""
    blocks, shared = mjml.count("<mj-"), _shared(mjml)
    if blocks > MAX_BLOCKS or blocks * shared > MAX_SHARED:
        raise MarkupFault(f"{blocks} MJML tags are too many for one mail; leave out services", 0)
    stack: list[tuple[str, int]] = []
    for token in _TOKEN.finditer(mjml):
        if token["raw"]:
            raise MarkupFault("a '<' that opens no complete tag; write '&lt;'", token.start())
        if token["name"]:
            _step(stack, token)
    if stack:
        name, at = stack[-1]
        raise MarkupFault(f"<{name}> is never closed", at)


def _shared(mjml: str) -> int:
    """Return how many characters stand in `mj-attributes`; looking for each end once keeps this linear."""
    size, at = 0, mjml.find("<mj-attributes")
    while at >= 0:
        end = mjml.find("</mj-attributes>", at)
        if end < 0:
            return size + len(mjml) - at
        size, at = size + end - at, mjml.find("<mj-attributes", end)
    return size


def _step(stack: list[tuple[str, int]], token: re.Match[str]) -> None:
    name, at = token["name"], token.start()
    if name.lower() == "mj-include":
        raise MarkupFault("mj-include isn't available; use {% include %} with a file of _parts/", at)
    if name.lower().startswith("mj") and name not in _MJ:
        raise MarkupFault(f"there is no MJML tag <{name}>", at)
    if token["close"]:
        if not stack or stack[-1][0] != name:
            inside = f"; open is <{stack[-1][0]}>" if stack else ""
            raise MarkupFault(f"</{name}> closes nothing{inside}", at)
        stack.pop()
    elif name.lower() not in _VOID and not token["attributes"].rstrip().endswith("/"):
        stack.append((name, at))
        if len(stack) > MAX_DEPTH:
            raise MarkupFault(f"tags are nested more than {MAX_DEPTH} deep", at)


def spell_out(mjml: str) -> str:
    """Write what isn't plain ASCII in a tag's attributes as character references.

    mrml prints the attributes of HTML inside `mj-text` as Rust debugs a string: a backslash twice, a combining accent
    or a line break as an escape. That would change addresses and alt texts.
    """
    return _OPENED.sub(_spelt, mjml)


def _spelt(tag: re.Match[str]) -> str:
    text = tag[0]
    if text.isascii() and "\\" not in text and "\n" not in text and "\t" not in text:
        return text
    plain = text.replace("\n", " ").replace("\t", " ").replace("\\", "&#92;")
    return plain.encode("ascii", "xmlcharrefreplace").decode()


def finish(html: str, language: str, title: str) -> str:
    """Put in what mrml leaves out: `lang`, a title, and a landmark (an article is none) for screen readers."""
    # The preheader's white on white counts as hiding something; it is hidden well enough by its other styles.
    html = html.replace(_PREHEADER, _PREHEADER.replace("#ffffff", "#1d2b30") + "mso-hide:all;", 1)
    html = _ARTICLE.sub(_MAIN, html.replace(_NO_LANG, f' lang="{escape(language)}"', 2), count=1)
    return _EMPTY_TITLE.sub(lambda _: f"<title>{escape(title)}</title>", html, count=1)


def targets(html: str) -> list[tuple[str, str]]:
    """List every address in a page: (attribute, address as a mail program reads it), in order."""
    found = []
    for tag in _OPENED.findall(html):
        lowered = tag.lower()
        if any(name in lowered for name in _TARGETS):
            pairs = ((name.lower(), double or single) for name, double, single in _ATTRIBUTE.findall(tag))
            found += [(name, entities.unescape(address)) for name, address in pairs if name in _TARGETS]
    return found


def links_in(html: str) -> list[str]:
    """List the targets of the links of a page, in order."""
    return [address for attribute, address in targets(html) if attribute == "href"]


def scheme_fault(address: str) -> str | None:
    """Say what is wrong with an address: empty, relative, or of a kind that a mail may not carry."""
    bare = _INVISIBLE.sub("", address)
    if not bare:
        return "an empty address"
    if bare.startswith("#"):
        return None
    try:
        parts = urlsplit(bare)
    except ValueError:
        return f"{address!r} is no address"
    if parts.scheme.lower() not in SCHEMES:
        return f"{address!r} must start with https:// (or http://, mailto:, tel:)"
    if parts.scheme.lower() in ("http", "https") and not parts.netloc:
        return f"{address!r} names no site"
    return None


def text_of(html: str) -> str:
    """Give the words that a page shows, without its head."""
    body = _HEAD.sub("", _COMMENT.sub("", html))
    return entities.unescape(_ANY_TAG.sub(" ", body))
