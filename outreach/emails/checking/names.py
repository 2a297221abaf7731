"""Jinja as it is written: blocks, names, members, filters, includes, macros; and what makes a mail slow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from outreach.emails.checking import kinds
from outreach.emails.checking.finding import Finding, Severity, did_you_mean
from outreach.emails.checking.masking import Code, Kind, Masked, mask
from outreach.emails.model import ALWAYS, DECLARABLE, OFFERED
from outreach.emails.sandbox import MAX_SOURCE, TEMPLATE_ERRORS, TemplateEnvironment
from outreach.emails.templates import PARTS, TemplateSource, undeclared

_STATEMENTS = (
    "if elif else endif for endfor macro endmacro call endcall set endset with endwith include from import raw endraw"
)
_OPENERS = ("if", "for", "macro", "call", "with")
_OURS = frozenset({"bounded", "as_text", "rounds", "work", "in_attribute", "in_url", "in_mail_url"})
_PERSONAL = frozenset((*DECLARABLE, *ALWAYS, *OFFERED))
_END = re.compile(r"end(?:if|for|macro|call|with|set)\Z")
_MAX_FINDINGS = 50
_INCLUDE = re.compile(r"<\s*mj-include", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """A file of a template with its Jinja, read."""

    part: str
    name: str
    text: str
    masked: Masked
    html: bool
    tree: nodes.Template | None
    above: int = 0  # lines of the file before the text begins

    def finding(
        self,
        line: int,
        code: str,
        what: str,
        mend: str,
        *,
        word: str = "",
        severity: Severity = Severity.ERROR,
        why: str = "",
    ) -> Finding:
        column = self.column(line, word) if word else 1
        return Finding(severity, f"{self.name}:{line + self.above}:{column}", what, mend, code, why)

    def column(self, line: int, word: str) -> int:
        """Return the column of a word within the Jinja of a line; 1 if it isn't there."""
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        for code in self.masked.codes:
            for found in whole.finditer(code.text):
                place = self.masked.place(code.start + found.start())
                if place[0] == line:
                    return place[1]
        return 1


def check(template: TemplateSource) -> list[Finding]:
    """List what is wrong with the Jinja of a template and of its parts."""
    files = list(_files(template))
    found = [*_settings(template, files)]
    known = kinds.known_kinds([file.tree for file in files if file.tree])
    for file, bound in files_with_bound(template, files):
        faults = [*islice(_include_tags(file), _MAX_FINDINGS), *islice(_blocks(file), _MAX_FINDINGS)]
        faults = faults or list(_syntax(template, file))
        found += faults
        if file.tree is not None:
            kinds_of_faults = (
                *(_names(template, file, bound), _filters(file), _includes(template, file, files)),
                *(_members(file, known), _calls(file, files), _computing(file)),
            )
            for told in kinds_of_faults:
                found += islice(told, _MAX_FINDINGS)
    return found


def _files(template: TemplateSource) -> Iterator[File]:
    """Yield the bodies and every part that they use, each once."""
    waiting, seen = ["body.mjml", "body.txt", "subject"], set[str]()
    while waiting:
        part = waiting.pop(0)
        loaded = template.loadable(part)
        if loaded is None or part in seen:
            continue
        seen.add(part)
        text, name, _ = loaded[0], loaded[1] or part, loaded[2]
        tree = _tree(text)
        above = template.lines.get("subject", 1) - 1 if part == "subject" else 0
        yield File(part, name, text, mask(text), part.endswith(".mjml"), tree, above)
        if tree is not None:
            waiting += _referenced(text)


class _Anything(dict[str, object]):
    """Filters of every name: looking for names must not stop at an unknown filter."""

    def get(self, name: str, default: object = None) -> object:
        return str

    def __contains__(self, name: object) -> bool:
        return True


@lru_cache(128)
def _tree(text: str) -> nodes.Template | None:
    """Parse a text for reading only, as Jinja alone would; None if it can't."""
    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.filters = environment.tests = _Anything()  # type: ignore[assignment]
    try:
        tree = environment.parse(text) if len(text) <= MAX_SOURCE else None
        meta.find_undeclared_variables(tree or nodes.Template([], environment=environment))
    except TEMPLATE_ERRORS:
        return None
    return tree


@lru_cache(128)
def _undeclared(text: str) -> frozenset[str]:
    tree = _tree(text)
    return frozenset(meta.find_undeclared_variables(tree)) if tree is not None else frozenset()


@lru_cache(128)
def _referenced(text: str) -> tuple[str, ...]:
    tree = _tree(text)
    return tuple(name for name in meta.find_referenced_templates(tree) if name) if tree is not None else ()


def files_with_bound(template: TemplateSource, files: list[File]) -> Iterator[tuple[File, frozenset[str]]]:
    """Yield each file with the names that the files including it have set: a part in a loop sees the loop's names."""
    stored = {file.part: _stored(file.tree) for file in files}
    includers: dict[str, set[str]] = {}
    for file in files:
        for node in file.tree.find_all(nodes.Include) if file.tree else ():
            if isinstance(node.template, nodes.Const):
                includers.setdefault(node.template.value, set()).add(file.part)
    for file in files:
        around, waiting = set[str](), [file.part]
        while waiting:
            for one in includers.get(waiting.pop(), set()) - around:
                around.add(one)
                waiting.append(one)
        yield file, frozenset().union(*(stored[one] for one in around))


def _stored(tree: nodes.Template | None) -> frozenset[str]:
    if tree is None:
        return frozenset()
    return frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param"))


def _settings(template: TemplateSource, files: list[File]) -> Iterator[Finding]:
    place = template.setting("fields")
    read: set[str] = set()
    for file in files:
        read |= _undeclared(file.text) if file.tree else set(template.fields)
    for field in template.fields:
        if field not in DECLARABLE:
            what = f"fields: unknown field '{field}'{did_you_mean(field, DECLARABLE)}"
            yield Finding(Severity.ERROR, place, what, f"there are: {', '.join(DECLARABLE)}", "field-unknown")
        elif field not in read:
            what = f"the field '{field}' is declared and never used"
            why = "personal data that nobody needs doesn't belong in a mail (GDPR art. 5.1.c)"
            yield Finding(Severity.HINT, place, what, "take it out of 'fields'", "field-unused", why)


def _include_tags(file: File) -> Iterator[Finding]:
    for found in _INCLUDE.finditer(file.masked.text):
        line, column = file.masked.place(found.start())
        mend = f'use {{% include "{PARTS}/….mjml" %}} with a file of {PARTS}/'
        yield Finding(
            Severity.ERROR, f"{file.name}:{line}:{column}", "mj-include isn't available", mend, "mjml-include"
        )


def _blocks(file: File) -> Iterator[Finding]:
    """Yield blocks that are opened and never closed, at the place where they are opened."""
    opened: list[Code] = []
    for code in file.masked.codes:
        line, column = file.masked.place(code.start)
        where = f"{file.name}:{line}:{column}"
        if code.kind is Kind.UNCLOSED:
            opener = code.text[:2]
            closer = {"{{": "}}", "{%": "%}", "{#": "#}"}[opener]
            what = f"{opener} is never closed: {code.text[:40]!r}"
            yield Finding(Severity.ERROR, where, what, f"write {closer} where it ends", "jinja-unclosed")
        elif code.kind is Kind.STATEMENT:
            if code.word not in _STATEMENTS.split():
                what = f"there is no statement '{code.word}'{did_you_mean(code.word, _STATEMENTS.split())}"
                yield Finding(Severity.ERROR, where, what, "write one of Jinja's", "jinja-unknown-statement")
            elif code.word in _OPENERS or (code.word == "set" and "=" not in code.text):
                opened.append(code)
            elif _END.match(code.word):
                yield from _closed(file, code, opened, where)
    for code in opened:
        yield _never_closed(file, code)


def _closed(file: File, code: Code, opened: list[Code], where: str) -> Iterator[Finding]:
    wanted = code.word[3:]
    if wanted not in [one.word for one in opened]:
        yield Finding(Severity.ERROR, where, f"{{% {code.word} %}} closes nothing", "take it out", "jinja-unclosed")
        return
    while opened[-1].word != wanted:
        yield _never_closed(file, opened.pop())
    opened.pop()


def _never_closed(file: File, code: Code) -> Finding:
    line, column = file.masked.place(code.start)
    what = f"{{% {code.word} %}} is never closed"
    mend = f"write {{% end{code.word} %}} where it ends"
    return Finding(Severity.ERROR, f"{file.name}:{line}:{column}", what, mend, "jinja-unclosed")


def _syntax(template: TemplateSource, file: File) -> Iterator[Finding]:
    loaded = template.loadable(file.part)
    fault = _syntax_fault(loaded[0] if loaded else "", file.part, file.name, file.html)
    if fault is None:
        return
    line, said = fault
    if file.tree is not None and said.startswith(("No filter named", "No test named")):
        return  # each of them is told by `_filters`
    yield file.finding(line, "jinja-syntax", said, "mend what Jinja can't read")


@lru_cache(128)
def _syntax_fault(text: str, part: str, name: str, html: bool) -> tuple[int, str] | None:
    environment = TemplateEnvironment(lambda _: None, html=html)
    try:
        environment.compile(environment.parse(text, part, name), part, name)
    except TemplateSyntaxError as error:
        return error.lineno, error.message or "can't be read"
    except TEMPLATE_ERRORS as error:
        return 1, f"can't be read: {error}"
    return None


def used(template: TemplateSource, part: str) -> set[str]:
    """Name what a body uses, in the parts that it includes too; everything if one of them can't be read."""
    found: set[str] = set()
    waiting, seen = [part], {part}
    while waiting:
        loaded = template.loadable(waiting.pop())
        if loaded is None or _tree(loaded[0]) is None:
            return set(template.names)
        found |= _undeclared(loaded[0])
        named = set(_referenced(loaded[0])) - seen
        seen |= named
        waiting += named
    return found


def _names(template: TemplateSource, file: File, bound: frozenset[str]) -> Iterator[Finding]:
    assert file.tree is not None
    known = template.subject_names if file.part == "subject" else template.names
    unknown = _undeclared(file.text) - known - bound
    seen: set[tuple[str, int]] = set()
    for node in file.tree.find_all(nodes.Name):
        if len(seen) >= _MAX_FINDINGS:
            return
        if node.name in unknown and node.ctx == "load" and (node.name, node.lineno) not in seen:
            seen.add((node.name, node.lineno))
            what, _, mend = undeclared(node.name, template).partition("; add ")
            code = "field-undeclared" if node.name in DECLARABLE else "field-unknown"
            mend = f"add {mend}" if mend else "write one of them, or set it first"
            yield file.finding(node.lineno, code, what, mend, word=node.name)


def _filters(file: File) -> Iterator[Finding]:
    assert file.tree is not None
    filters, tests = _known_filters()
    for kind, known in ((nodes.Filter, filters), (nodes.Test, tests)):
        for node in file.tree.find_all(kind):
            if node.name not in known:
                said = "filter" if kind is nodes.Filter else "test"
                names = sorted(set(known) - _OURS)
                what = f"there is no {said} '{node.name}'{did_you_mean(node.name, names)}"
                yield file.finding(
                    node.lineno, f"jinja-unknown-{said}", what, f"there are: {', '.join(names)}", word=node.name
                )


@cache
def _known_filters() -> tuple[frozenset[str], frozenset[str]]:
    environment = TemplateEnvironment(lambda _: None, html=True)
    return frozenset(environment.filters), frozenset(environment.tests)


def _includes(template: TemplateSource, file: File, files: list[File]) -> Iterator[Finding]:
    assert file.tree is not None
    there = ", ".join(sorted(template.parts)) or "nothing yet"
    for node in file.tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        named = getattr(node, "template", None)
        wanted = named.value if isinstance(named, nodes.Const) else None
        if wanted not in template.parts:
            shown = repr(wanted) if wanted is not None else "a computed name"
            near = did_you_mean(str(wanted), template.parts)
            what = f"{shown} can't be included{near}"
            yield file.finding(node.lineno, "include-missing", what, f"in {PARTS}/ there is: {there}")
        elif isinstance(node, nodes.FromImport):
            yield from _imported(file, node, _macros_of(files, str(wanted)))


def _imported(file: File, node: nodes.FromImport, macros: dict[str, nodes.Macro]) -> Iterator[Finding]:
    for one in node.names:
        name = one[0] if isinstance(one, tuple) else one
        if name not in macros:
            what = f"there is no macro '{name}' in it{did_you_mean(name, macros)}"
            mend = f"there are: {', '.join(macros) or 'none'}"
            yield file.finding(node.lineno, "macro-missing", what, mend, word=name)


def _macros_of(files: list[File], part: str) -> dict[str, nodes.Macro]:
    trees = [file.tree for file in files if file.part == part and file.tree]
    return {node.name: node for tree in trees for node in tree.find_all(nodes.Macro)}


def _members(file: File, known: dict[str, object]) -> Iterator[Finding]:
    assert file.tree is not None
    for name, line, what, near in kinds.wrong_members(file.tree, known):
        yield file.finding(line, "member-unknown", what, near, word=name)


def _calls(file: File, files: list[File]) -> Iterator[Finding]:
    """Yield calls of macros without a value for each of their names, or with more values than names."""
    assert file.tree is not None
    macros = _macros_of(files, file.part)
    for node in file.tree.find_all(nodes.FromImport):
        if isinstance(node.template, nodes.Const):
            theirs = _macros_of(files, str(node.template.value))
            for one in node.names:
                name, alias = one if isinstance(one, tuple) else (one, one)
                macros |= {alias: theirs[name]} if name in theirs else {}
    for call in file.tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in macros and not call.dyn_args:
            wrong = _wrong_values(macros[call.node.name], call)
            if wrong:
                yield file.finding(
                    call.lineno, "macro-call", wrong, "give a value for each of its names", word=call.node.name
                )


def _wrong_values(macro: nodes.Macro, call: nodes.Call) -> str | None:
    names = [one.name for one in macro.args]
    needed = names[: len(names) - len(macro.defaults)][len(call.args) :]
    lacking = [name for name in needed if name not in {one.key for one in call.kwargs}]
    if lacking:
        return f"the macro '{macro.name}' gets no value for {', '.join(lacking)}"
    if len(call.args) > len(names) or {one.key for one in call.kwargs} - set(names):
        return f"the macro '{macro.name}' takes only: {', '.join(names) or 'nothing'}"
    return None


def _computing(file: File) -> Iterator[Finding]:
    """Yield the expressions that compute with a personal value: such a mail is made for each recipient by itself."""
    assert file.tree is not None
    plain: set[int] = set()
    for output in file.tree.find_all(nodes.Output):
        plain |= {id(node) for node in output.nodes if isinstance(node, nodes.Name)}
    for node in file.tree.find_all(nodes.Name):
        if node.name in _PERSONAL and node.ctx == "load" and id(node) not in plain and file.part != "subject":
            what = f"an expression computes with '{node.name}', which differs for each recipient"
            mend = f"write {{{{ {node.name} }}}} by itself, if the speed of sending matters"
            why = "the mail can't be made once for a whole group then, which takes several times longer"
            yield file.finding(node.lineno, "plain-path", what, mend, word=node.name, severity=Severity.HINT, why=why)
