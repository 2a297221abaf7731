"""Rendering for speed: what a cohort shares is rendered, compiled and encoded once, and personal values are put in.

The authors' files are the same as on the plain path (`rendering`), and so is the message, as a property test holds. An
expression such as `{{ greeting }}` or `{{ why|wrap }}`, of one merge field and filters, becomes a slot: an opaque mark
while the cohort is rendered, and for each recipient the filtered value, escaped and encoded for where the mark stands.
A template that computes with a personal value in any other way keeps to the plain path (`Computes` names the place),
and so does a recipient who lacks a value that the template shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import mjml
from jinja2 import nodes
from markupsafe import escape

from outreach.emails import markup, signing
from outreach.emails.assembly import Attachment, body_of, encoded_lines
from outreach.emails.model import ALWAYS, DECLARABLE, OFFERED, MailModel, MergeFields, clean
from outreach.emails.rendering import WRAPPED, Renderer, tidy
from outreach.emails.sandbox import TEMPLATE_ERRORS, TemplateEnvironment, wrap
from outreach.emails.templates import TemplateSource

PERSONAL = frozenset((*DECLARABLE, *ALWAYS, *OFFERED))
_MARK = re.compile(r"qzx([0-9]{4})xzq")
_ANY_CASE = re.compile(r"qzx[0-9]{4}xzq", re.IGNORECASE)
_SLOT = re.compile(rb"\x00([0-9]{4})\x00")
_TAG = re.compile(r"<[a-zA-Z](?:[^\"'<>]+|\"[^\"]*\"|'[^']*')*>")
_LINE = 76
# Of these fields many recipients have the same value.
RECURRING = frozenset({"greeting", "first_name", "why"})
_MOST_KNOWN = 500

# What no shipped name is like, to find out whether slots give what the plain path gives.
_PROBES = (
    MergeFields(
        *("Beste Ann", "Ann", "Peeters", "Drukkerij Peeters bv"),
        why="U krijgt dit op info@bedrijf.example, het algemene adres van uw onderneming sinds 3 maart 2025 (beurs).",
        unsubscribe_url="https://nieuws.example/u/abc-_1",
        preferences_url="https://nieuws.example/p/abc-_1",
    ),
    MergeFields(
        *('.Besté <b>&amp; "O\'Neill" \\ =3D {{ x }}', "<Zoë>", 'a"b', "Ça & Fils = 100% €uro's é\u0301\\n <bv>"),
        why="\"Waarom\" <i>& zo</i> — 'ja' = %20 …" + " lange woorden é" * 12,
        unsubscribe_url="https://nieuws.example/u/x?a=1&b=%20'\"é",
        preferences_url="https://nieuws.example/p/ü?a=1&c=<>",
    ),
)


class Computes(Exception):
    """The template does more with a personal value than show it; the text says where."""


# Gives the signature for the headers of a message and the hash of its body.
Sign = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True)
class Slot:
    """One merge field and the filters it goes through."""

    field: str
    filters: tuple[Callable[[Any], Any], ...]
    html: bool
    in_tag: bool = False

    def value(self, raw: str) -> str:
        """Give the text that stands in this slot in the finished part."""
        found: Any = raw
        for one in self.filters:
            found = one(found)
        if not self.html:
            return str(found)
        text = str(escape(found))
        if not self.in_tag or (text.isascii() and "\\" not in text):
            return text
        return text.replace("\\", "&#92;").encode("ascii", "xmlcharrefreplace").decode()


class Stencil:
    """One cohort's message, cut at the values that differ: `pieces[n]` stands before `slots[n]`.

    What it gives is in wire form: CRLF only, and no line that begins with a dot.
    """

    def __init__(self, slots: Sequence[Slot], pieces: Sequence[bytes], anew: Callable[[], None]) -> None:
        self.pieces = tuple(pieces)
        self._anew = anew  # called before each message: what a template may cost, each message may
        self._different = list(dict.fromkeys(slots))  # the same value in the same way is encoded once
        self._places = [self._different.index(slot) for slot in slots]
        self._known: dict[tuple[int, str], bytes] = {}

    def message(self, head: bytes, fields: Mapping[str, str], sign: Sign | None = None) -> bytes | None:
        """Return a recipient's message; None if a value is missing, so that the plain path must say what is shown."""
        values = self._values(fields)
        if values is None:
            return None
        parts = [head, self.pieces[0]]
        for place, piece in zip(self._places, self.pieces[1:], strict=True):
            parts += (values[place], piece)
        if sign is not None:
            parts.insert(0, sign(head + self._shared.head, self._shared.digest(values, self._places)))
        return b"".join(parts)

    def _values(self, fields: Mapping[str, str]) -> list[bytes] | None:
        self._anew()
        values = []
        for number, slot in enumerate(self._different):
            raw = fields[slot.field]
            value = self._known.get((number, raw)) or self._encoded(number, slot, raw)
            if not value:
                return None
            values.append(value)
        return values

    def _encoded(self, number: int, slot: Slot, raw: str) -> bytes:
        value = slot.value(raw)
        encoded = _fragment(value) if value else b""
        # Greetings and reasons recur; addresses don't, and would only push them out.
        if slot.field in RECURRING and len(self._known) < _MOST_KNOWN:
            self._known[number, raw] = encoded
        return encoded

    @cached_property
    def _shared(self) -> _Relaxed:
        return _Relaxed(self.pieces)


class _Relaxed:
    """A stencil's pieces as a signature takes them, so that only what differs is brought into that form anew."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        head, _, start = pieces[0].partition(b"\r\n\r\n")
        self.head = head + b"\r\n"
        # Each piece and each value is whole lines, and relaxed form is line by line; only the end is another matter.
        relaxed = [signing.relaxed_lines(piece) for piece in (start, *pieces[1:])]
        self._rest = [*relaxed[1:-1], signing.ended(relaxed[-1])] if relaxed[1:] else []
        self._begun = hashlib.sha256(relaxed[0] if self._rest else signing.ended(relaxed[0]))

    def digest(self, values: Sequence[bytes], places: Sequence[int]) -> bytes:
        """Return the hash of a message's body."""
        whole = self._begun.copy()
        relaxed = [signing.relaxed_lines(value) for value in values]
        for place, piece in zip(places, self._rest, strict=True):
            whole.update(relaxed[place])
            whole.update(piece)
        return whole.digest()


class Cutter:
    """Cuts the stencils of one template; built once."""

    def __init__(self, template: TemplateSource) -> None:
        self._template = template
        self._renderer = Renderer(template)
        self._slots: list[Slot] = []
        self._proven = False  # a cohort's stencil gave what the plain path gives, for ordinary values too
        self._html = _SlotEnvironment(template.loadable, html=True, slots=self._slots)
        self._text = _SlotEnvironment(template.loadable, html=False, slots=self._slots)

    def cut(self, model: MailModel, boundary: str, attachments: Sequence[Attachment] = ()) -> Stencil:
        """Make the stencil of a cohort; Computes if its mails need the plain path."""
        text, html = self._marked(model)
        in_tags = {int(found[1]) for tag in _TAG.findall(html) for found in _MARK.finditer(tag)}
        slots = [replace(slot, in_tag=number in in_tags) for number, slot in enumerate(self._slots)]
        # What goes well with ordinary values for one cohort does for all; the odd ones meet each cohort's own texts.
        for probe in _PROBES[1:] if self._proven else _PROBES:
            plain, fields = self._renderer.render(model, probe), self.fields(probe)
            for part, marked, wanted in (("text", text, plain.text), ("HTML", html, plain.html)):
                if _MARK.sub(lambda found: _shown(slots[int(found[1])], fields), marked) != wanted:  # noqa: B023
                    raise Computes(f"a personal value comes out otherwise in the {part} part")
        self._proven = True
        cut = _SLOT.split(body_of(text, html, attachments, boundary, _encoded_part))
        return Stencil([slots[int(number)] for number in cut[1::2]], cut[::2], self._anew)

    def _anew(self) -> None:
        self._html.budget.reset()
        self._text.budget.reset()

    def _marked(self, model: MailModel) -> tuple[str, str]:
        """Render both parts with marks in the place of personal values."""
        values = self._renderer.values(model, _PROBES[0])
        try:
            text = tidy(self._text.generate("body.txt", values))
            source = self._html.generate("body.mjml", values)
            markup.examine(source)
            html: str = mjml.mjml2html(markup.spell_out(source), fonts={})
        except (*TEMPLATE_ERRORS, markup.MarkupFault) as error:
            raise Computes(str(error)) from error
        html = markup.finish(html, str(values["language"]), str(values["title"]))
        if any(len(_ANY_CASE.findall(part)) != len(_MARK.findall(part)) for part in (text, html)):
            raise Computes("a block changes a personal value")
        return text, html

    def shared_subject(self, model: MailModel) -> str | None:
        """Return the subject if it holds no personal value, and so is everybody's."""
        tree = self._text.tree_of(model.subject or self._template.subject)
        if tree is None or any(node.name in PERSONAL for node in tree.find_all(nodes.Name)):
            return None
        return self._renderer.subject(model, _PROBES[0])

    def fields(self, fields: MergeFields) -> dict[str, str]:
        """Give the values of a recipient as a template gets them."""
        return fields.chosen(self._template.fields)


class _SlotEnvironment(TemplateEnvironment):
    """Puts marks where a template shows one merge field; anything else that it does with one is refused."""

    def __init__(self, load: Callable[[str], tuple[str, str, None] | None], *, html: bool, slots: list[Slot]) -> None:
        self._slots = slots
        super().__init__(load, html=html)

    def compile(
        self, source: Any, name: Any = None, filename: Any = None, raw: Any = False, defer_init: Any = False
    ) -> Any:
        """Compile anew: what is kept for others holds no marks."""
        return super(TemplateEnvironment, self).compile(source, name, filename, raw, defer_init)

    def tree_of(self, source: str) -> nodes.Template | None:
        """Read a text that isn't one of the template's files; None if it can't be read."""
        try:
            return super(TemplateEnvironment, self)._parse(source, None, None)
        except TEMPLATE_ERRORS:
            return None

    def _shaped(self, tree: nodes.Template, name: str | None) -> nodes.Template:
        for output in list(tree.find_all(nodes.Output)):
            output.nodes = [self._marked(child) for child in output.nodes]
        for test in tree.find_all(nodes.If):
            # A value that is missing sends its recipient to the plain path, so here each is there.
            if isinstance(test.test, nodes.Name) and test.test.name in PERSONAL:
                test.test = nodes.Const(True)
        for left in tree.find_all(nodes.Name):
            if left.name in PERSONAL:
                raise Computes(f"{name}:{left.lineno}: {left.name} is computed with")
        return tree

    def _marked(self, shown: nodes.Expr) -> nodes.Expr:
        filters: list[Callable[[Any], Any]] = []
        inner = shown
        while isinstance(inner, nodes.Filter) and inner.node is not None:
            if inner.kwargs or inner.dyn_args or inner.dyn_kwargs:
                return shown
            if not all(isinstance(given, nodes.Const) for given in inner.args):
                return shown
            arguments = [given.value for given in inner.args if isinstance(given, nodes.Const)]
            filters.insert(0, partial(_filtered, self.filters[inner.name], arguments))
            inner = inner.node
        if not isinstance(inner, nodes.Name) or inner.name not in PERSONAL:
            return shown
        if not self.autoescape and inner.name in WRAPPED:
            filters.insert(0, wrap)
        self._slots.append(Slot(inner.name, tuple(filters), self.autoescape is True))
        return nodes.TemplateData(f"qzx{len(self._slots) - 1:04d}xzq")


def _shown(slot: Slot, fields: Mapping[str, str]) -> str:
    return slot.value(fields[slot.field])


def _filtered(function: Callable[..., Any], arguments: Sequence[Any], value: Any) -> Any:
    return function(value, *arguments)


def _encoded_part(text: str) -> bytes:
    """Encode a part that holds marks: each piece and each value gets lines of its own, joined by soft breaks."""
    cut = _MARK.split(text)
    encoded = [_fragment(piece) for piece in cut[:-1:2]]
    last = encoded_lines(clean(cut[-1]).rstrip("\n") + "\n")
    out = []
    for piece, number in zip(encoded, cut[1::2], strict=True):
        out += [piece, b"=\r\n\0", number.encode(), b"\0=\r\n"]
    return b"".join([*out, last])


def _fragment(text: str) -> bytes:
    """Encode a piece of a part whose last line goes on in the next piece, after a soft break."""
    encoded = encoded_lines(clean(text))
    start = encoded.rfind(b"\n") + 1
    if len(encoded) - start < _LINE:
        return encoded
    at = start + 70
    while b"=" in encoded[at - 2 : at]:
        at -= 1
    return encoded[:at] + b"=\r\n" + encoded[at:]
