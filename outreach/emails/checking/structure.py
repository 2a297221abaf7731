"""MJML and HTML as they are written, against MJML's own tables: tags, attributes, values, nesting, with their place.

Each piece is looked at where it is used: an include in the place of the include, a macro in the place of its call. So a
part that is right in one mail and wrong in another is found in the one where it is wrong.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from outreach.emails.checking import components, elements, styles, tags
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.markup_source import Broken, Piece, Tag, Words, pieces
from outreach.emails.checking.masking import Code, Kind, Masked, mask
from outreach.emails.templates import TemplateSource

_CALL = re.compile(r"\b(?:(\w+)\.)?(\w+)\s*\(")
_NAMED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_IMPORTED = re.compile(r"\bimport\b(.*)", re.DOTALL)
_MAX_DEPTH = 12
# Parts that include each other in ever other places would take for ever; and nobody reads so many findings.
_MAX_EVENTS = 200_000
_MAX_FINDINGS = 300
_JINJA = re.compile("[\ue002\ue003]")
MACRO = re.compile(r"macro\s+(\w+)")


class _Enough(Exception):
    """Looking further would take too long, or tell too much."""


@dataclass(frozen=True)
class Frame:
    """An open element."""

    name: str
    part: str
    at: int


Event = Piece | Code


@dataclass
class Part:
    """A file of the template, taken apart once."""

    name: str
    file: str
    masked: Masked
    events: list[Event]
    macros: dict[str, tuple[int, int]]
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Branch:
    """An open statement: where it is, the elements open there, and those open at the end of its first branch."""

    code: Code
    stack: list[Frame]
    ends: list[list[Frame]] = field(default_factory=list)
    complete: bool = False


class Structure:
    """Walks through a template as Jinja would, with every branch taken."""

    def __init__(self, template: TemplateSource) -> None:
        self.template = template
        self.parts: dict[str, Part] = {}
        self.found: dict[Finding, None] = {}
        self.called: set[tuple[str, str]] = set()
        self.left = _MAX_EVENTS
        self.done: set[tuple[str, str, tuple[str, ...]]] = set()

    def part(self, name: str) -> Part | None:
        """Return a part by its name, taken apart."""
        loaded = self.template.loadable(name)
        if loaded is None:
            return None
        if name not in self.parts:
            self.parts[name] = taken_apart(name, loaded[1] or name, loaded[0])
        return self.parts[name]

    def walk(self) -> list[Finding]:
        """Look at the whole template, as far as that is of use."""
        with contextlib.suppress(_Enough):
            self._whole()
        return list(self.found)

    def _whole(self) -> None:
        body = self.part("body.mjml")
        if body is None:
            return
        self._go(body, 0, len(body.events), [], 0)
        # Macros that are handed on by name, and those that nobody calls, are looked at by themselves.
        waiting = list(self.parts)
        while waiting:
            part = self.part(waiting.pop())
            if part is not None:
                waiting += [home for home, _ in part.imported.values() if home not in self.parts]
        for name in list(self.parts):
            self._unused(self.parts[name])

    def _unused(self, part: Part) -> None:
        for name, (begin, end) in part.macros.items():
            if (part.name, name) not in self.called:
                self._go(part, begin, end, [], 0)

    def report(
        self, part: Part, at: int, code: str, what: str, mend: str, *, error: bool = True, why: str = ""
    ) -> None:
        """Note a finding at an offset of a part."""
        line, column = part.masked.place(at)
        if len(self.found) >= _MAX_FINDINGS:
            raise _Enough
        severity = Severity.ERROR if error else Severity.WARNING
        self.found[Finding(severity, f"{part.file}:{line}:{column}", what, mend, code, why)] = None

    def _go(self, part: Part, begin: int, end: int, stack: list[Frame], depth: int) -> list[Frame]:
        """Walk through events; return the elements that are open afterwards."""
        key = (part.name, str(begin), tuple(frame.name for frame in stack))
        if depth > _MAX_DEPTH or key in self.done:
            return stack
        self.done.add(key)
        base = len(stack)
        stack = list(stack)
        branches: list[Branch] = []
        at = begin
        while at < end:
            event = part.events[at]
            self.left -= 1 + len(stack) // 50
            if self.left < 0:
                raise _Enough
            if isinstance(event, Code):
                if event.word == "macro" and event.kind is Kind.STATEMENT and at in _macro_starts(part):
                    at = _macro_starts(part)[at]
                    continue
                stack = self._code(part, event, stack, branches, depth)
            else:
                self._piece(part, event, stack, base)
            at += 1
        for frame in stack[base:]:
            self._unclosed(frame)
        return stack[:base]

    def _code(self, part: Part, code: Code, stack: list[Frame], branches: list[Branch], depth: int) -> list[Frame]:
        if code.kind is Kind.EXPRESSION:
            self._expression(part, code, stack, depth)
        elif code.word in ("if", "for", "with", "call") or (code.word == "set" and "=" not in code.text):
            branches.append(Branch(code, list(stack)))
            if code.word == "call":
                self._calls(part, code, stack, depth)
        elif code.word in ("elif", "else") and branches:
            branches[-1].ends.append(stack)
            branches[-1].complete |= code.word == "else"
            return list(branches[-1].stack)
        elif branches and code.word == f"end{branches[-1].code.word}":
            return self._ended(part, branches.pop(), stack)
        elif code.word == "include":
            self._include(code, stack, depth)
        return stack

    def _ended(self, part: Part, branch: Branch, stack: list[Frame]) -> list[Frame]:
        """Go on after a statement: a tag that is opened in one branch must be closed in it.

        An `if` without `else` may open a tag that another one closes: `{% if url %}<a>{% endif %}…{% if url %}</a>…`.
        """
        if branch.code.word == "if" and not branch.complete:
            return stack
        ends = [*branch.ends, stack]
        if len({tuple(frame.name for frame in end) for end in [*ends, branch.stack]}) == 1:
            return branch.stack
        if branch.code.word == "if" and len({tuple(frame.name for frame in end) for end in ends}) == 1:
            return stack
        for end in ends:
            for frame in end[len(branch.stack) :]:
                self._unclosed(frame)
            if len(end) < len(branch.stack):
                what = f"a branch of {{% {branch.code.word} %}} closes a tag that it didn't open"
                self.report(part, branch.code.start, "jinja-branch", what, "open and close each tag in the same branch")
        return branch.stack

    def _include(self, code: Code, stack: list[Frame], depth: int) -> None:
        named = _NAMED.search(code.text)
        part = self.part(named[1] or named[2]) if named else None
        if part is not None:
            self._go(part, 0, len(part.events), stack, depth + 1)

    def _expression(self, part: Part, code: Code, stack: list[Frame], depth: int) -> None:
        called = self._calls(part, code, stack, depth)
        parent = stack[-1].name if stack else ""
        held = components.holds().get(parent, frozenset({"HTML"}))
        if not called and not held & {"HTML", "text", "CSS"} and parent != "mj-attributes":
            what = f"a value stands straight in <{parent}>, where MJML shows no text"
            self.report(part, code.start, "mjml-text", what, "put it in an <mj-text>")

    def _calls(self, part: Part, code: Code, stack: list[Frame], depth: int) -> bool:
        """Walk through the macros that an expression calls; tell whether it calls any."""
        called = False
        for found in _CALL.finditer(code.text):
            name = found[2]
            key = found[1] or name
            home, real = part.imported.get(key, ("", ""))
            owner, wanted = (self.part(home), real or name) if home else (part, name)
            if owner is not None and wanted in owner.macros:
                self.called.add((owner.name, wanted))
                self._go(owner, *owner.macros[wanted], stack, depth + 1)
            # A macro may come by a name of its own, as a value; a filter's name follows a bar.
            called = called or code.text[: found.start()].rstrip()[-1:] != "|"
        return called

    def _piece(self, part: Part, piece: Piece, stack: list[Frame], base: int) -> None:
        if isinstance(piece, Broken):
            code = "html-bracket" if "opens no tag" in piece.what else "markup-broken"
            self.report(part, piece.start, code, piece.what, piece.mend)
        elif isinstance(piece, Words):
            self._words(part, piece, stack)
        elif piece.closing:
            self._close(part, piece, stack, base)
        else:
            self._open(part, piece, stack)

    def _words(self, part: Part, words: Words, stack: list[Frame]) -> None:
        parent = stack[-1].name if stack else ""
        text = part.masked.text[words.start : words.end]
        if parent == "mj-style":
            for at, what, mend in styles.sheet_faults(_JINJA.sub(" ", text)):
                self.report(part, words.start + at, "css-fault", what, mend, error=False)
            return
        shown = re.search(r"[^\s\ue002\ue003]", text)
        held = components.holds().get(parent)
        if shown and held is not None and not held & {"HTML", "text", "CSS"}:
            what = f"text stands straight in <{parent}>, where MJML shows none"
            self.report(part, words.start + shown.start(), "mjml-text", what, "put it in an <mj-text>")
        elif shown and parent in elements.STRICT:
            what = f"text stands straight in <{parent}>, outside its cells or items"
            self.report(part, words.start + shown.start(), "html-nesting", what, "put it in a cell or an item")

    def _open(self, part: Part, tag: Tag, stack: list[Frame]) -> None:
        for code, at, what, mend, error in tags.faults(tag, [frame.name for frame in stack]):
            self.report(part, at, code, what, mend, error=error)
        if not tag.empty and tag.name.lower() not in elements.VOID:
            stack.append(Frame(tag.name, part.name, tag.start))

    def _close(self, part: Part, tag: Tag, stack: list[Frame], base: int) -> None:
        if tag.attributes:
            what = f"</{tag.name}> has attributes, which only the tag that opens may have"
            self.report(part, tag.start, "tag-mismatch", what, f"write </{tag.name}>")
        names = [frame.name for frame in stack[base:]]
        if tag.name not in names:
            inside = f" (open is <{stack[-1].name}>)" if stack else ""
            mend = "take it out, or write the tag that is open"
            self.report(part, tag.start, "tag-mismatch", f"</{tag.name}> closes nothing{inside}", mend)
            return
        while stack[-1].name != tag.name:
            self._unclosed(stack.pop())
        stack.pop()

    def _unclosed(self, frame: Frame) -> None:
        part = self.parts[frame.part]
        what = f"<{frame.name}> is never closed"
        self.report(part, frame.at, "tag-unclosed", what, f"write </{frame.name}> where it ends")


@lru_cache(64)
def taken_apart(name: str, file: str, text: str) -> Part:
    """Cut a file into markup and Jinja, in the order in which they stand."""
    masked = mask(text)
    markup = list(pieces(masked.text))
    codes = [code for code in masked.codes if code.kind in (Kind.EXPRESSION, Kind.STATEMENT)]
    inside = [(one.start, one.end) for one in markup if isinstance(one, Tag)]
    outside = list(_outside(codes, inside))
    events: list[Event] = sorted([*markup, *outside], key=lambda one: (one.start, isinstance(one, Words)))
    # A text is cut at the Jinja in it only for its order; what it says is looked at as one.
    part = Part(name, file, masked, events, {})
    _macros(part)
    return part


def _outside(codes: list[Code], tags: list[tuple[int, int]]) -> Iterator[Code]:
    """Yield the Jinja that doesn't stand within a tag."""
    waiting = iter(tags)
    tag = next(waiting, None)
    for code in codes:
        while tag and tag[1] <= code.start:
            tag = next(waiting, None)
        if not (tag and tag[0] < code.start):
            yield code


def _macros(part: Part) -> None:
    opened: list[tuple[str, int]] = []
    for place, event in enumerate(part.events):
        if not isinstance(event, Code) or event.kind is not Kind.STATEMENT:
            continue
        if event.word == "macro" and (found := MACRO.search(event.text)):
            opened.append((found[1], place))
        elif event.word == "endmacro" and opened:
            name, start = opened.pop()
            part.macros[name] = (start + 1, place)
        elif event.word in ("from", "import"):
            _import(part, event)


def _import(part: Part, code: Code) -> None:
    named, wanted = _NAMED.search(code.text), _IMPORTED.search(code.text)
    if named is None or wanted is None:
        return
    home = named[1] or named[2]
    if code.word == "import":
        alias = re.search(r"\bas\s+(\w+)", code.text)
        if alias:
            part.imported[alias[1]] = (home, "")
        return
    for name, alias_name in re.findall(r"(\w+)(?:\s+as\s+(\w+))?", re.sub(r"\bwith(out)?\s+context", "", wanted[1])):
        part.imported[alias_name or name] = (home, name)


def _macro_starts(part: Part) -> dict[int, int]:
    """Return, for the event that begins a macro, the event that follows its end."""
    return {begin - 1: end + 1 for begin, end in part.macros.values()}
