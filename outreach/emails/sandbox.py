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
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

MAX_SOURCE = 256 * 1024
MAX_OUTPUT = 1024 * 1024
MAX_STEPS = 20_000
# What may pass through texts kept on the way, each counted where it arises and again where it is put out.
MAX_HANDLED = 4 * MAX_OUTPUT
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


class Budget(threading.local):
    """What a render may still put out and call, per thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new render."""
        self.left, self.steps = MAX_HANDLED, MAX_STEPS

    def step(self, count: int) -> None:
        """Take calls or rounds of a loop off the budget."""
        self.steps -= count
        if self.steps < 0:
            raise SecurityError(f"the template takes more than {MAX_STEPS} steps")

    def rounds(self, value: Any, size: int) -> list[Any]:
        """Give what a loop of that many characters goes over, counted beforehand: loops in loops multiply."""
        items = list(value)
        self.step(len(items) + 1)
        self.handle(len(items) * size)
        return items

    def spend(self, value: Any) -> Any:
        """Take the size of a value off the budget and hand the value on."""
        self.handle(len(value) if isinstance(value, str) else 8)
        return value

    def handle(self, size: int) -> None:
        """Take so many characters off the budget."""
        self.left -= size
        if self.left < 0:
            raise SecurityError(f"the template handles more than {MAX_HANDLED // 1024} KB of text")


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja without anything that reaches the server or never ends."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, load: Callable[[str], tuple[str, str, None] | None], *, html: bool, mark: bool = False) -> None:
        self.budget = Budget()
        self.mark = mark
        self.sizes: dict[str, int] = {}
        super().__init__(
            loader=FunctionLoader(load),
            undefined=StrictUndefined,
            autoescape=html,
            finalize=self.budget.spend,
            extensions=[_Places, _Marks] if html else [_Marks],
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            auto_reload=False,
        )
        self.globals.clear()
        self.filters = {name: FILTERS[name] for name in _FILTERS.split()}
        self.filters |= {"wrap": wrap, "in_attribute": in_attribute, "in_url": in_url, "in_mail_url": in_mail_url}
        self.filters |= {"bounded": self.budget.spend, "rounds": self.budget.rounds, "join": self._join}
        self.tests = {name: self.tests[name] for name in _TESTS.split()}

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
        self.budget.handle(self.sizes.get(template.name or "", 0))
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
        for value in (*args, *kwargs.values()):
            self.budget.spend(value)
        return self.budget.spend(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Count numbers only, and small ones: texts are put together with `~`."""
        if not all(isinstance(side, (int, float)) and abs(side) < 1e9 for side in (left, right)) or operator == "**":
            raise SecurityError(f"'{operator}' is for small numbers only; join texts with '~'")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MAX_SOURCE:
            raise TemplateSyntaxError(f"the file is over {MAX_SOURCE // 1024} KB", 1, name, filename)
        self.sizes[name or ""] = len(source)
        try:
            tree = super()._parse(source, name, filename)
            _refuse_endless(tree, name, filename)
            bounded: nodes.Template = _Bound().visit(tree)
            return bounded
        except RecursionError:
            raise TemplateSyntaxError("expressions are nested too deep", 1, name, filename) from None

    def _join(self, value: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
        parts = [self.getattr(item, attribute) if attribute else item for item in value]
        self.budget.spend("".join(map(str, parts)))
        for _ in parts:
            self.budget.spend(str(separator))
        if self.autoescape:
            return escape(separator).join(parts)
        return str(separator).join(map(str, parts))


class _Bound(NodeTransformer):
    """Send every loop and every assigned value past the budget: `{% set x = x ~ x %}` doubles a text at each line."""

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        node.node = _filtered(node.node, "bounded")
        return node

    def visit_With(self, node: nodes.With) -> nodes.Node:
        node.values = [_filtered(value, "bounded") for value in node.values]
        return self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        size = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        node.iter = _filtered(node.iter, "rounds", nodes.Const(size))
        return self.generic_visit(node)


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


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


MARK = re.compile("\ue000([^\ue001]*):(\\d+)\ue001")


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
