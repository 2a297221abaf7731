"""One tag, where it stands: its name, its attributes and their values, its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from outreach.emails.checking import addresses, components, elements, styles
from outreach.emails.checking.finding import did_you_mean
from outreach.emails.checking.markup_source import Attribute, Tag


class Fault(NamedTuple):
    """What is wrong with a tag: the code, the offset, what, how to mend it, and whether it is an error."""

    code: str
    at: int
    what: str
    mend: str
    error: bool = True


def faults(tag: Tag, stack: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with an opening tag; `stack` names the open elements, the innermost last."""
    yield from _twice(tag)
    yield from _addresses(tag)
    if tag.name.lower().startswith("mj"):
        yield from _component(tag, stack)
    else:
        yield from _element(tag, stack)


def _addresses(tag: Tag) -> Iterator[Fault]:
    """Yield what is wrong with the addresses that are written out; what values make of others is seen in the mail."""
    for one in tag.attributes:
        name = one.name.lower()
        if name not in ("href", "src", "background-url", "background") or one.dynamic:
            continue
        for fault in addresses.faults(one.value, picture=name != "href"):
            code = fault.code if name == "href" else fault.code.replace("link", "picture")
            yield Fault(
                code, one.at, f"{name}: {fault.what}" if one.value != "#" else fault.what, fault.mend, fault.error
            )


def _twice(tag: Tag) -> Iterator[Fault]:
    seen: set[str] = set()
    for one in tag.attributes:
        if one.name.lower() in seen:
            what = f"the attribute {one.name!r} stands twice in <{tag.name}>"
            yield Fault("attribute-twice", one.at, what, "keep one of the two")
        seen.add(one.name.lower())


def _component(tag: Tag, stack: Sequence[str]) -> Iterator[Fault]:
    known = components.holds()
    if tag.name == "mj-include":
        mend = 'use {% include "_parts/….mjml" %}'
        yield Fault("mjml-include", tag.start, "mj-include isn't available", mend)
        return
    if tag.name not in known:
        what = f"there is no MJML tag <{tag.name}>{did_you_mean(tag.name, known)}"
        yield Fault("mjml-unknown-tag", tag.start, what, "write a component of MJML 4")
        return
    yield from _place(tag, stack)
    defaults = bool(stack) and stack[-1] in ("mj-attributes", "mj-class")
    yield from _component_attributes(tag)
    lacking = () if defaults and tag.name != "mj-class" else components.REQUIRED.get(tag.name, ())
    if tag.name == "mjml" and tag.get("lang") is None:
        yield Fault(
            "language",
            tag.start,
            "<mjml> names no language",
            'write lang="{{ language }}"',
            False,
        )
    for name in lacking:
        if tag.get(name) is None:
            what = f"<{tag.name}> lacks {name!r}"
            yield Fault("mjml-lacks-attribute", tag.start, what, f'write {name}="…"')


def _place(tag: Tag, stack: Sequence[str]) -> Iterator[Fault]:
    parent = stack[-1] if stack else None
    if parent is None or tag.name in components.holds().get(parent, frozenset()):
        return
    if parent not in components.holds() and not any(name.startswith("mj") for name in stack):
        return
    homes = components.parents_of(tag.name)
    mend = f"it belongs in {' or '.join(f'<{name}>' for name in homes)}" if homes else "it is the outermost tag"
    what = f"<{tag.name}> can't stand in <{parent}>"
    yield Fault("mjml-nesting", tag.start, what, mend)


def _component_attributes(tag: Tag) -> Iterator[Fault]:
    known = components.attributes_of(tag.name)
    for one in tag.attributes:
        if one.name in components.EVERYWHERE:
            continue
        if one.name not in known:
            mend = f"<{tag.name}> takes: {', '.join(sorted(known)) or 'none'}"
            what = f"<{tag.name}> has no attribute {one.name!r}{did_you_mean(one.name, known)}"
            yield Fault("mjml-unknown-attribute", one.at, what, mend)
        elif not one.dynamic and (wanted := components.value_fault(known[one.name], one.value)):
            what = f"{one.name}={one.value!r} of <{tag.name}> isn't what MJML takes"
            yield Fault("mjml-value", one.at, what, f"write {wanted}")


def _element(tag: Tag, stack: Sequence[str]) -> Iterator[Fault]:
    name = tag.name.lower()
    if name not in elements.ELEMENTS:
        what = f"there is no HTML element <{tag.name}>{did_you_mean(name, elements.ELEMENTS)}"
        yield Fault("html-unknown-tag", tag.start, what, "write an element of HTML")
        return
    raw = bool(stack) and stack[-1] == "mj-raw"
    if name in elements.REFUSED and not raw:
        yield Fault("html-refused", tag.start, f"<{name}> can't be used: {elements.REFUSED[name]}", "take it out")
    yield from _html_place(name, tag, stack)
    for one in tag.attributes:
        yield from _html_attribute(name, one)


def _html_place(name: str, tag: Tag, stack: Sequence[str]) -> Iterator[Fault]:
    parent = stack[-1] if stack else None
    held = components.holds().get(parent or "")
    if held is not None and "HTML" not in held:
        what = f"<{name}> can't stand straight in <{parent}>"
        mend = "text takes none" if "text" in held else "put it in an <mj-text>, <mj-table> or <mj-raw>"
        yield Fault("mjml-nesting", tag.start, what, mend)
    homes = elements.PARENTS.get(name)
    if homes and parent and parent not in homes:
        what = f"<{name}> can't stand in <{parent}>"
        yield Fault("html-nesting", tag.start, what, f"it belongs in {' or '.join(f'<{h}>' for h in sorted(homes))}")
    elif parent in elements.STRICT and name not in elements.STRICT[parent]:
        wanted = ", ".join(f"<{one}>" for one in sorted(elements.STRICT[parent]))
        yield Fault("html-nesting", tag.start, f"<{name}> can't stand in <{parent}>", f"it holds {wanted}")
    elif name in elements.BLOCK and parent in elements.NARROW:
        what = f"<{name}> can't stand in <{parent}>, which holds words only"
        yield Fault("html-nesting", tag.start, what, f"close <{parent}> before it")
    if name == "a" and ("a" in stack or "mj-button" in stack):
        yield Fault("html-nesting", tag.start, "a link can't stand in a link", "close the first one before it")


def _html_attribute(element: str, one: Attribute) -> Iterator[Fault]:
    name = one.name.lower()
    if name.startswith("on"):
        yield Fault("html-refused", one.at, f"{one.name!r} can't be used: no mail program runs scripts", "take it out")
    elif name not in elements.ATTRIBUTES and not name.startswith(("data-", "aria-", "xmlns")):
        what = f"HTML knows no attribute {one.name!r}{did_you_mean(name, elements.ATTRIBUTES)}"
        yield Fault("html-unknown-attribute", one.at, what, "write one that HTML knows")
    if name == "style" and not one.dynamic:
        for at, what, mend in styles.faults(one.value):
            yield Fault("css-fault", one.value_at + at, f"in the style of <{element}>: {what}", mend, False)
