"""What a template may cost: every value it builds, compares, joins or puts out is counted in full, before it grows.

A list within a list within a list takes a handful of characters and no memory, and still a minute to print or compare.
So each value counts with all that it holds, shared parts each time, and counting stops where the budget ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import wraps
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined
from jinja2.visitor import NodeTransformer

MAX_OUTPUT = 512 * 1024
MAX_STEPS = 20_000
# What may pass through operations on the way, each counted where it arises and again where it is put out.
MAX_HANDLED = 4 * MAX_OUTPUT
MAX_NUMBER = 10**30

_ITEM = 8
_OBJECT = 200
_TEXT_FILTERS = "capitalize e escape lower upper string striptags title trim truncate wrap"
_TEXT_FILTERS += " in_attribute in_url in_mail_url"


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

    def handle(self, size: int) -> None:
        """Take so many characters off the budget."""
        self.left -= size
        if self.left < 0:
            raise SecurityError(f"the template handles more than {MAX_HANDLED // 1024} KB of text")

    def rounds(self, value: Any, cost: int) -> list[Any]:
        """Give what a loop goes over, whose body costs so much; counted beforehand: loops in loops multiply."""
        if hasattr(value, "__len__"):
            self.step(len(value) + 1)
            items = list(value)
        else:
            items = list(value)
            self.step(len(items) + 1)
        self.handle(len(items) * cost)
        return items

    def spend(self, value: Any) -> Any:
        """Take the whole size of a value off the budget and hand the value on."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self.handle(_ITEM)
            if isinstance(one, str):
                self.handle(len(one))
            elif isinstance(one, (list, tuple, set, frozenset)):
                waiting.extend(one)
            elif isinstance(one, dict):
                waiting.extend(one)
                waiting.extend(one.values())
            elif isinstance(one, int):
                if abs(one) >= MAX_NUMBER:
                    raise SecurityError("a number has more than 30 digits")
            elif is_dataclass(type(one)):
                self.handle(_OBJECT)
        return value

    def text(self, value: Any) -> Any:
        """Spend a value that is going to be put out or joined: lists and objects have no text that a reader wants."""
        if not isinstance(value, (str, int, float, Undefined, type(None))):
            raise SecurityError(f"a {type(value).__name__} isn't text; name what of it shall be shown")
        return self.spend(value)

    def work(self, cost: int) -> str:
        """Take the cost of a macro's body off the budget."""
        self.handle(cost)
        return ""

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a filter or test count what it is given and what it gives, and do its work at once."""
        takes = self.text if name in _TEXT_FILTERS.split() else self.spend
        passed = int(hasattr(function, "jinja_pass_arg"))

        @wraps(function)
        def count(*args: Any, **kwargs: Any) -> Any:
            self.step(1)
            value, *options = args[passed:]
            takes(value)
            size = len(value) if isinstance(value, (str, list, tuple, dict)) else 1
            for option in (*options, *kwargs.values()):
                self.spend(option)
                # The names of attributes to sort by, the characters to trim: looked through once for each item.
                self.handle(size * len(option) if isinstance(option, str) else 0)
            result = function(*args, **kwargs)
            return self.spend(list(result) if isinstance(result, Iterator) else result)

        return count


def cost_of(node: nodes.Node) -> int:
    """Estimate what it takes to go through a piece of a template once."""
    return sum(len(one.data) if isinstance(one, nodes.TemplateData) else _ITEM for one in node.find_all(nodes.Node))


class Bound(NodeTransformer):
    """Send past the budget whatever a template builds or goes over: `{% set x = [x, x] %}` doubles at each line."""

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self.generic_visit(node)
        node.node = filtered(node.node, "bounded")
        return node

    def visit_With(self, node: nodes.With) -> nodes.Node:
        self.generic_visit(node)
        node.values = [filtered(value, "bounded") for value in node.values]
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        cost = cost_of(node)
        self.generic_visit(node)
        node.iter = filtered(node.iter, "rounds", nodes.Const(cost))
        return node

    def visit_Macro(self, node: Any) -> Any:
        worked = nodes.ExprStmt(filtered(nodes.Const(cost_of(node)), "work"), lineno=node.lineno)
        self.generic_visit(node)
        node.body.insert(0, worked)
        return node

    visit_CallBlock = visit_Macro

    def visit_List(self, node: nodes.List) -> Any:
        return filtered(self.generic_visit(node), "bounded")

    visit_Dict = visit_List

    def visit_Tuple(self, node: nodes.Tuple) -> Any:
        self.generic_visit(node)
        return filtered(node, "bounded") if node.ctx == "load" else node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        node.key = filtered(node.key, "bounded")
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = filtered(node.expr, "bounded")
        for side in node.ops:
            side.expr = filtered(side.expr, "bounded")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [filtered(part, "as_text") for part in node.nodes]
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> Any:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            return filtered(node, "bounded")
        node.arg = filtered(node.arg, "bounded")
        return node


def filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> Any:
    """Apply one of the environment's own filters to an expression."""
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
