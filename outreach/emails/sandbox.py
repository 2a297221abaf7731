"""The Jinja environment that template files run in: no files, no Python, no work without bound.

Template files come from people, so they are held as far as possible from the server (CVE-2025-49136 in a comparable
system). What is allowed is listed here; whatever isn't listed doesn't exist.
"""

from __future__ import annotations

import re
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.filters import FILTERS
from jinja2.lexer import Token, TokenStream
from jinja2.loaders import FunctionLoader
from jinja2.runtime import LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from markupsafe import Markup, escape

from outreach.emails.budget import MAX_OUTPUT, Bound, Budget, cost_of

MAX_SOURCE = 256 * 1024
MAX_LOOP_DEPTH = 4

# Whatever a template's own code can raise: Jinja lets Python's errors through, of compiling too.
TEMPLATE_ERRORS = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, SyntaxError),
    *(RecursionError, MemoryError),
)
_FILTERS = "abs capitalize default d e escape first float groupby int join last length count list lower map reject"
_FILTERS += " rejectattr reverse round select selectattr sort string striptags sum title trim truncate unique upper"
_TESTS = "defined undefined none string number mapping sequence iterable even odd eq ne lt le gt ge in sameas == !="
_TEXT_METHODS = {"lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith"}
_URL_ATTRIBUTES = {"href", "src", "background-url", "action"}
_REFUSED_NODES = (nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)


# Compiled texts: code knows no environment and holds no value. Few and small, so that they can't fill the memory.
_KEPT, _KEPT_SOURCE = 256, 16 * 1024
_COMPILED: dict[tuple[object, ...], tuple[Any, int]] = {}
_COMPILING = threading.Lock()


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja without anything that reaches the server or never ends."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, load: Callable[[str], tuple[str, str, None] | None], *, html: bool, mark: bool = False) -> None:
        self.budget = Budget()
        self.mark = mark
        self.costs: dict[str, int] = {}
        super().__init__(
            loader=FunctionLoader(load),
            undefined=StrictUndefined,
            autoescape=html,
            finalize=self.budget.text,
            extensions=[_Places, _Marks] if html else [_Marks],
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            auto_reload=False,
        )
        self.globals.clear()
        filters: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in _FILTERS.split()}
        filters |= {"in_attribute": in_attribute, "in_url": in_url, "in_mail_url": in_mail_url}
        filters |= {"wrap": self._wrap, "join": self._join, "striptags": self._striptags}
        filters |= {"sum": _sum, "round": _round}
        self.filters = {name: self.budget.counted(name, function) for name, function in filters.items()}
        self.filters |= {"bounded": self.budget.spend, "as_text": self.budget.text}
        self.filters |= {"rounds": self.budget.rounds, "work": self.budget.work}
        tests: dict[str, Any] = {**TESTS}
        self.tests = {name: self.budget.counted(name, tests[name]) for name in _TESTS.split()}

    def generate(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template, counting its output while it comes."""
        self.budget.reset()
        return self.collected(self.get_template(name), values)

    def collected(self, template: Template, values: Mapping[str, object]) -> str:
        """Put the pieces of a template's output together, up to the limit."""
        pieces: list[str] = []
        size = 0
        for piece in template.generate(values):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise SecurityError(f"the template puts out more than {MAX_OUTPUT // 1024} KB")
            pieces.append(piece)
        return "".join(pieces)

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Template:
        """Count what is included: parts that include each other many times over double their work too."""
        template = super().get_template(name, parent, globals)
        self.budget.step(1)
        self.budget.handle(self.costs.get(template.name or "", 0))
        return template

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow macros, `loop(…)` and a handful of methods of texts."""
        if isinstance(obj, (Macro, LoopContext)) or isinstance(getattr(obj, "__self__", None), LoopContext):
            return True
        return isinstance(getattr(obj, "__self__", None), str) and getattr(obj, "__name__", "") in _TEXT_METHODS

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse at once: a list of undefined values would pass unseen."""
        raise SecurityError(f"'{attribute}' of a {type(obj).__name__} isn't for templates")

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count the calls and what they carry: macros that call each other double their work at every level."""
        self.budget.step(1)
        owner = getattr(obj, "__self__", None)
        size = len(owner) if isinstance(owner, str) else 0
        self.budget.handle(size)
        for value in (*args, *kwargs.values()):
            self.budget.spend(value)
            # `strip(…)` looks each character up among those given.
            self.budget.handle(size * len(value) if isinstance(value, str) else 0)
        return self.budget.spend(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Count numbers only, and small ones: texts are put together with `~`."""
        if not all(isinstance(side, (int, float)) and abs(side) < 1e9 for side in (left, right)) or operator == "**":
            raise SecurityError(f"'{operator}' is for small numbers only; join texts with '~'")
        return super().call_binop(context, operator, left, right)

    def compile(
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """Compile a text once for all environments of a kind: checking and previewing make many of them."""
        if not isinstance(source, str) or raw or len(source) > _KEPT_SOURCE:
            return super().compile(source, name, filename, raw, defer_init)  # type: ignore[call-overload]
        key = (source, name, filename, self.autoescape, self.mark, defer_init)
        with _COMPILING:
            kept = _COMPILED.get(key)
        if kept is None:
            kept = super().compile(source, name, filename, raw, defer_init), self.costs[name or ""]
            with _COMPILING:
                if len(_COMPILED) >= _KEPT:
                    _COMPILED.clear()
                _COMPILED[key] = kept
        code, self.costs[name or ""] = kept
        return code

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MAX_SOURCE:
            raise TemplateSyntaxError(f"the file is over {MAX_SOURCE // 1024} KB", 1, name, filename)
        try:
            tree = super()._parse(source, name, filename)
            _refuse_endless(tree, name, filename)
            self.costs[name or ""] = cost_of(tree)
            bounded: nodes.Template = Bound().visit(self._shaped(tree, filename or name))
            return bounded
        except RecursionError:
            raise TemplateSyntaxError("expressions are nested too deep", 1, name, filename) from None

    def _shaped(self, tree: nodes.Template, file: str | None) -> nodes.Template:
        """Change the tree before it is compiled; here not at all."""
        return tree

    def _join(self, value: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
        parts = [self.getattr(item, attribute) if attribute else item for item in value]
        for part in parts:
            self.budget.text(part)
        self.budget.text(separator)
        self.budget.handle(len(str(separator)) * len(parts))
        if self.autoescape:
            return escape(separator).join(parts)
        return str(separator).join(map(str, parts))

    def _wrap(self, value: str, width: int = 72, indent: int = 0) -> str:
        # Each line is wrapped by itself, which takes longer than its characters tell.
        text = str(value)
        self.budget.handle(3 * len(text) + 200 * text.count("\n"))
        return wrap(text, width, indent)

    def _striptags(self, value: str) -> str:
        text = str(value)
        # The library copies the rest of the text for every comment.
        self.budget.handle(len(text) * text.count("<!--"))
        return Markup(text).striptags()  # noqa: S704


def _sum(value: Iterable[Any], attribute: None = None, start: float = 0) -> float:
    if attribute is not None or not all(isinstance(number, (int, float)) for number in (start, *value)):
        raise SecurityError("'sum' is for numbers only, without attribute")
    return sum(value, start)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    if not -10 <= precision <= 10:
        raise SecurityError("'round' takes a precision from -10 to 10")
    return FILTERS["round"](value, precision, method)  # type: ignore[no-any-return]


def _refuse_endless(tree: nodes.Template, name: str | None, filename: str | None) -> None:
    for refused in tree.find_all(_REFUSED_NODES):
        raise TemplateSyntaxError("escaping can't be switched off", refused.lineno, name, filename)
    for loop, depth in _loops(tree, 0):
        if loop.recursive or depth > MAX_LOOP_DEPTH:
            text = f"loops may not be recursive, nor more than {MAX_LOOP_DEPTH} deep"
            raise TemplateSyntaxError(text, loop.lineno, name, filename)


def _loops(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.For, int]]:
    for child in node.iter_child_nodes():
        deeper = depth + isinstance(child, nodes.For)
        if isinstance(child, nodes.For):
            yield child, deeper
        yield from _loops(child, deeper)


class _Places(Extension):
    """Escape each expression for where it stands: attribute values and parts of addresses need more than text does."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Wrap the expressions that stand in an attribute with the filter for that attribute."""
        place = Place()
        added: str | None = None
        before = ""
        for token in stream:
            if before == "block_begin":
                place.branch(token.value)
            before = token.type
            if token.type == "data":
                place.read(token.value)
            if token.type == "variable_end" and added:
                yield Token(token.lineno, "rparen", ")")
                yield Token(token.lineno, "pipe", "|")
                yield Token(token.lineno, "name", added)
            yield token
            if token.type == "variable_begin":
                added = self._filter_at(place, token, stream)
                place.read_value()
                if added:
                    yield Token(token.lineno, "lparen", "(")

    def _filter_at(self, place: Place, token: Token, stream: TokenStream) -> str | None:
        if place.mode == "style" or (place.mode == "value" and place.attribute == "style"):
            raise TemplateSyntaxError("a value can't stand in a style", token.lineno, stream.name, stream.filename)
        if place.mode == "tag":
            text = "a value in a tag must stand between the quotes of an attribute"
            raise TemplateSyntaxError(text, token.lineno, stream.name, stream.filename)
        if place.mode != "value":
            return None
        if place.attribute in _URL_ATTRIBUTES and place.lead:
            return "in_mail_url" if place.lead.lower().startswith(("mailto:", "tel:")) else "in_url"
        return "in_attribute"


class _Marks(Extension):
    """Note file and line in the output, on the way to an error message only; see `rendering`."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Put a mark before every line of the file's own text."""
        for token in stream:
            if token.type == "data" and getattr(self.environment, "mark", False):
                lines = str(token.value).split("\n")
                marked = [f"{mark(stream.filename or '', token.lineno + n)}{line}" for n, line in enumerate(lines)]
                yield Token(token.lineno, "data", "\n".join(marked))
            else:
                yield token


MARK = re.compile("\ue000([^\ue000\ue001]*):(\\d+)\ue001")


def mark(file: str, line: int) -> str:
    """Write a mark that `MARK` finds again."""
    return f"\ue000{file}:{line}\ue001"


class Place:
    """Where in the markup a template's text has got to: text, comment, style, tag, or an attribute's value."""

    def __init__(self) -> None:
        self.mode, self.attribute, self.quote, self.lead, self.element = "text", "", "", "", ""
        self.leads: list[str] = []

    def branch(self, statement: str) -> None:
        """Pass a statement: each branch of an `if` begins where the `if` stood, an address within it too."""
        if statement == "if":
            self.leads.append(self.lead)
        elif statement in ("elif", "else") and self.leads:
            self.lead = self.leads[-1]
        elif statement == "endif" and self.leads:
            self.leads.pop()

    def read_value(self) -> None:
        """Pass an expression."""
        if self.mode == "value":
            self.lead += "…"

    def read(self, text: str) -> None:
        """Pass a piece of the file's own text."""
        at = 0
        while at < len(text):
            at = getattr(self, f"_{self.mode}")(text, at)

    def _text(self, text: str, at: int) -> int:
        found = _OPENING.search(text, at)
        if not found:
            return len(text)
        self.mode, self.element = ("comment", "") if found[0] == "<!--" else ("tag", found[1].lower())
        return found.end()

    def _comment(self, text: str, at: int) -> int:
        return self._until(text, at, "-->")

    def _style(self, text: str, at: int) -> int:
        return self._until(text, at, "</")

    def _until(self, text: str, at: int, end: str) -> int:
        found = text.find(end, at)
        if found < 0:
            return len(text)
        self.mode = "text"
        return found + len(end) if end == "-->" else found

    def _tag(self, text: str, at: int) -> int:
        found = _IN_TAG.search(text, at)
        if not found:
            return len(text)
        if found[0] == ">":
            self.mode = "style" if self.element in ("style", "mj-style") else "text"
        else:
            self.mode, self.attribute, self.quote, self.lead = "value", found[1].lower(), found[2], ""
        return found.end()

    def _value(self, text: str, at: int) -> int:
        end = text.find(self.quote, at)
        self.lead += text[at : end if end >= 0 else None]
        if end < 0:
            return len(text)
        self.mode = "tag"
        return end + 1


_OPENING = re.compile(r"<!--|</?([a-zA-Z][\w:-]*)")
_IN_TAG = re.compile(r"""([\w:.-]+)\s*=\s*(["'])|>""")


def in_attribute(value: object) -> Markup:
    """Escape for between quotes, HTML of the model too."""
    return escape(str(value).replace("\n", " "))


def in_url(value: object) -> Markup:
    """Encode as a part of an address: a value can't add a parameter or change the host."""
    return escape(quote(str(value), safe=""))


def in_mail_url(value: object) -> Markup:
    """Encode as the target of `mailto:` or `tel:`, whose `@` and `+` must stay."""
    return escape(quote(str(value), safe="@+"))


def wrap(value: str, width: int = 72, indent: int = 0) -> str:
    """Break the lines of a text at `width`, never inside an address."""
    margin = " " * min(indent, 20)
    lines = []
    for line in str(value).split("\n"):
        if line and len(margin) + len(line) <= width and line.isprintable() and line[-1] != " ":
            lines.append(margin + line)  # fits as it is, as most names and greetings do
            continue
        hang = " " * (2 if line.startswith(("- ", "> ")) else 3 if re.match(r"\d+\. ", line) else 0)
        lines += textwrap.wrap(
            line,
            max(width, 30),
            initial_indent=margin,
            subsequent_indent=margin + hang,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)
