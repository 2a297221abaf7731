"""The Markdown of campaign and service texts, as HTML for mail programs and as plain text.

HTML in the source stays text, pictures become their alt text, and the targets of links reach the caller exactly as the
author wrote them: encoding them "properly" is what breaks addresses with `&`, `#`, umlauts or encoded parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from outreach.emails.markup import scheme_fault
from outreach.emails.model import clean
from outreach.errors import Refusal

LinkFor = Callable[[str], str]

_BARE = re.compile(r"https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]}*_]")
_WORD = re.compile(r"[^\W_]")
_TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre", "hr", "h2", "h3", "h4"}
_STYLES = {
    "p": "margin:0 0 16px",
    "a": "color:#0b5563;text-decoration:underline",
    "ul": "margin:0 0 16px;padding:0 0 0 24px",
    "ol": "margin:0 0 16px;padding:0 0 0 24px",
    "li": "margin:0 0 6px",
    "blockquote": "margin:0 0 16px;padding:0 0 0 16px;border-left:4px solid #e9a23b",
    "h2": "margin:24px 0 8px;font-size:22px;line-height:1.25",
    "h3": "margin:20px 0 8px;font-size:18px;line-height:1.3",
    "h4": "margin:16px 0 8px;font-size:16px;line-height:1.4",
    "hr": "border:0;border-top:1px solid #c9c3b4;margin:24px 0",
    "pre": "margin:0 0 16px;white-space:pre-wrap",
}


def markdown_to_html(text: str, link_for: LinkFor | None = None, heading: int = 2) -> Markup:
    """Turn Markdown into HTML with the styles that mail programs need on each element.

    `link_for` maps each http or https target to the address that the mail shall carry; `mailto:`, `tel:` and `#…` stay.
    `heading` is the level of the text's highest heading.
    """
    tokens = _tokens(text)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(4, int(token.tag[1]) - min(levels) + heading)}"
        _style(token)
        for child in token.children or []:
            _style(child)
            if child.type == "link_open":
                child.attrSet("href", _mapped(str(child.attrGet("href")), link_for))
    html: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    allowed = {tag: {"style"} for tag in _STYLES} | {"a": {"href", "title", "style"}, "ol": {"start", "style"}}
    cleaned = nh3.clean(html, tags=_TAGS, attributes=allowed, url_schemes=_SCHEMES, link_rel=None)
    return Markup(cleaned.strip())  # noqa: S704


def paragraph(text: str) -> Markup:
    """Return one line of plain text as a paragraph that looks like those of Markdown."""
    return Markup('<p style="{}">{}</p>').format(_STYLES["p"], text)


def markdown_to_text(text: str, link_for: LinkFor | None = None) -> str:
    """Turn Markdown into plain text; links become `text (https://…)`."""
    blocks: list[str] = []
    tokens = _tokens(text)
    prefixes: list[str] = []
    for place, token in enumerate(tokens):
        _indent(prefixes, token, tokens[place - 1] if place else None)
        if token.type == "inline":
            body = _inline_text(token.children or [], link_for)
            if place and tokens[place - 1].type == "heading_open":
                body += "\n" + ("=" if tokens[place - 1].tag == "h1" else "-") * len(body)
            blocks.append(_prefixed(body, prefixes, tight=_in_tight_list(tokens, place)))
        elif token.type in ("fence", "code_block"):
            blocks.append(_prefixed(token.content.rstrip("\n"), prefixes, tight=False))
        elif token.type == "hr":
            blocks.append(_prefixed("---", prefixes, tight=False))
        elif token.type in ("bullet_list_close", "ordered_list_close") and blocks and not prefixes:
            blocks[-1] = blocks[-1].rstrip("\n") + "\n\n"
    return "".join(blocks).strip()


def links_of_markdown(text: str) -> list[str]:
    """List the link targets of a text in order, each exactly as written."""
    children = [child for token in _tokens(text) for child in token.children or []]
    return [str(child.attrGet("href")) for child in children if child.type == "link_open"]


@dataclass(frozen=True)
class Mention:
    """A link or a picture in a text: its line, its words, and its address."""

    picture: bool
    line: int
    words: str
    address: str


def mentions_in_markdown(text: str) -> list[Mention]:
    """List the links and pictures of a text, in order."""
    found: list[Mention] = []
    for token in _PARSER.parse(clean(text)):
        line = token.map[0] + 1 if token.map else 1
        opened: list[tuple[str, int, list[str]]] = []
        for child in _linked(token.children or []):
            line += child.type in ("softbreak", "hardbreak")
            if child.type == "image":
                found.append(Mention(True, line, child.content, str(child.attrGet("src"))))
            if child.type == "link_open":
                opened.append((str(child.attrGet("href")), line, []))
            elif child.type == "link_close":
                address, at, words = opened.pop()
                found.append(Mention(False, at, "".join(words), address))
            elif opened:
                opened[-1][2].append(child.content)
    return found


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    # The library would re-encode targets and silently print the text of links it doesn't like; we keep and refuse.
    parser.normalizeLink = _kept  # type: ignore[method-assign]
    parser.normalizeLinkText = _kept  # type: ignore[method-assign, assignment]
    parser.validateLink = _always  # type: ignore[method-assign, assignment]
    return parser


def _kept(url: str) -> str:
    return url


def _always(_: str) -> bool:
    return True


_PARSER = _parser()
_SCHEMES = {"http", "https", "mailto", "tel"}


def _tokens(text: str) -> list[Token]:
    tokens = _PARSER.parse(clean(text))
    for token in tokens:
        if token.type == "inline":
            token.children = _linked(_without_pictures(token.children or []))
            for child in token.children:
                if child.type == "link_open":
                    _check(str(child.attrGet("href")), token.map)
    return tokens


def _check(target: str, lines: Sequence[int] | None) -> None:
    fault = scheme_fault(target)
    if fault:
        place = f"line {lines[0] + 1}: " if lines else ""
        raise Refusal(f"{place}the link to {fault}" if target else f"{place}a link has {fault}")


def _without_pictures(children: list[Token]) -> list[Token]:
    """Put the alt text where a picture was: a picture from elsewhere would tell that site who reads."""
    return [Token("text", "", 0, content=c.content) if c.type == "image" else c for c in children]


def _linked(children: list[Token]) -> list[Token]:
    """Make links of the addresses that stand in the text as such."""
    out: list[Token] = []
    inside = 0
    for child in children:
        inside += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type != "text" or inside:
            out.append(child)
            continue
        last = 0
        for found in _BARE.finditer(child.content):
            out.append(Token("text", "", 0, content=child.content[last : found.start()]))
            out.append(Token("link_open", "a", 1, attrs={"href": found[0]}))
            out.append(Token("text", "", 0, content=found[0]))
            out.append(Token("link_close", "a", -1))
            last = found.end()
        out.append(Token("text", "", 0, content=child.content[last:]))
    return out


def _mapped(target: str, link_for: LinkFor | None) -> str:
    return link_for(target) if link_for and target.lower().startswith(("http://", "https://")) else target


def _style(token: Token) -> None:
    if token.nesting >= 0 and token.tag in _STYLES:
        token.attrSet("style", _STYLES[token.tag])


def _inline_text(children: list[Token], link_for: LinkFor | None) -> str:
    out: list[str] = []
    opened: list[tuple[str, int]] = []
    for child in children:
        if child.type == "link_open":
            opened.append((str(child.attrGet("href")), len(out)))
        elif child.type == "link_close":
            target, start = opened.pop()
            out[start:] = [_link_text("".join(out[start:]), target, link_for)]
        elif child.type in ("softbreak", "hardbreak"):
            out.append(" " if child.type == "softbreak" else "\n")
        else:
            out.append(child.content)
    return "".join(out)


def _link_text(label: str, target: str, link_for: LinkFor | None) -> str:
    mapped = _mapped(target, link_for)
    bare = re.sub(r"^(mailto|tel):", "", target)
    if label in (target, bare):
        return mapped if mapped != target else label
    shown = bare if bare != target else mapped
    return f"{label} ({shown})" if _WORD.search(label) else shown


def _indent(prefixes: list[str], token: Token, before: Token | None) -> None:
    if token.type == "blockquote_open":
        prefixes.append("> ")
    elif token.type == "list_item_open":
        prefixes.append("- " if token.markup in "-*+" else f"{token.info or '1'}. ")
    elif token.type in ("blockquote_close", "list_item_close"):
        prefixes.pop()


def _prefixed(body: str, prefixes: list[str], *, tight: bool) -> str:
    first = "".join(prefixes)
    rest = "".join(p if p[0] == ">" else " " * len(p) for p in prefixes)
    for place, prefix in enumerate(prefixes):
        if prefix[0] != ">":
            prefixes[place] = " " * len(prefix)
    lines = body.split("\n")
    return "\n".join([first + lines[0], *(rest + line for line in lines[1:])]) + ("\n" if tight else "\n\n")


def _in_tight_list(tokens: list[Token], place: int) -> bool:
    before = tokens[place - 1] if place else None
    return before is not None and before.type == "paragraph_open" and before.hidden
