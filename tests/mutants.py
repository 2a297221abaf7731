"""Single faults planted in good templates, to measure what `outreach template check` finds.

Nothing here knows how the check works: a family says what people do wrong, and plants it at a random place where that
is a fault. `python tests/mutation.py [SEED [EACH]]` plants them and prints what was found, per family.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Files = dict[str, str]

_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:[^\"'<>]|\"[^\"]*\"|'[^']*')*?)(/?)>")
_SKIPPED = re.compile(
    r"\{#.*?#\}|<!--.*?-->|<mj-style.*?</mj-style>|<mj-attributes>.*?</mj-attributes>|<mj-raw>.*?</mj-raw>", re.S
)
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_VOID = {"br", "img", "hr", "meta"}
_HOLDERS = {"mj-text", "p", "td", "th", "div", "span", "li"}


@dataclass(frozen=True)
class Mutant:
    """A template folder with one fault, at a line of a file; `anywhere` names files where something is lacking."""

    family: str
    files: Files
    file: str
    lines: frozenset[int]
    said: str
    anywhere: frozenset[str] = frozenset()

    def hit(self, file: str, line: int | None) -> bool:
        """Tell whether a finding points at the fault."""
        return file in self.anywhere or (file == self.file and line in self.lines)


@dataclass(frozen=True)
class Tag:
    """A tag of a file, by its place."""

    file: str
    start: int
    end: int
    name: str
    attributes: str
    closing: bool
    empty: bool


class Ground:
    """Good templates, taken apart as far as planting needs."""

    def __init__(self, files: Files, rng: random.Random) -> None:
        self.files, self.rng = files, rng
        self.mjml = [name for name in files if name.endswith(".mjml")]
        self.tags = [tag for name in self.mjml for tag in _tags(name, files[name])]
        self.pairs = list(_pairs(self.tags))

    def pick(self, wanted: Callable[[Tag], bool]) -> Tag:
        return self.rng.choice([tag for tag in self.tags if not tag.closing and wanted(tag)])

    def pick_pair(self, wanted: Callable[[Tag], bool]) -> tuple[Tag, Tag]:
        return self.rng.choice([pair for pair in self.pairs if wanted(pair[0])])

    def find(self, pattern: str, files: list[str] | None = None) -> tuple[str, re.Match[str]]:
        found = [
            (name, match)
            for name in files or self.mjml
            for match in re.finditer(pattern, _blanked(self.files[name]), re.S)
        ]
        return self.rng.choice(found)

    def mutant(self, family: str, file: str, start: int, end: int, new: str, at: int | None = None) -> Mutant:
        """Replace a stretch of a file; the fault is where the new text begins, or at `at` in the changed file."""
        text = self.files[file]
        changed = text[:start] + new + text[end:]
        line = changed.count("\n", 0, start if at is None else at) + 1
        said = f"{text[start:end]!r} → {new!r}"[:160]
        return Mutant(family, {**self.files, file: changed}, file, frozenset([line]), said)

    def retagged(self, family: str, tag: Tag, attributes: str) -> Mutant:
        """Write a tag with other attributes."""
        new = f"<{tag.name}{attributes}{' /' if tag.empty else ''}>"
        return self.mutant(family, tag.file, tag.start, tag.end, new)

    def inserted(self, family: str, new: str, holders: set[str] = _HOLDERS) -> Mutant:
        """Put something new at the beginning of an element that holds text."""
        opened, _ = self.pick_pair(lambda tag: tag.name in holders and "font-size:1px" not in tag.attributes)
        return self.mutant(family, opened.file, opened.end, opened.end, new)


def _blanked(text: str) -> str:
    return re.sub(r"\{#.*?#\}|<!--.*?-->", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)


def _tags(name: str, text: str) -> Iterator[Tag]:
    hidden = _SKIPPED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in _TAG.finditer(hidden):
        yield Tag(name, found.start(), found.end(), found[2], found[3].rstrip(), bool(found[1]), bool(found[4]))


def _pairs(tags: list[Tag]) -> Iterator[tuple[Tag, Tag]]:
    stack: list[Tag] = []
    for tag in tags:
        if tag.closing:
            opened = stack.pop()
            assert opened.name == tag.name, f"{tag.file}: the good templates aren't well formed"
            yield opened, tag
        elif not tag.empty and tag.name not in _VOID:
            stack.append(tag)


def _is_mj(tag: Tag) -> bool:
    return tag.name.startswith("mj-")


def _misspelt(name: str, rng: random.Random) -> str:
    """Swap, drop or double a letter, as fingers do; the first stays."""
    at = rng.randrange(1, max(2, len(name) - 1))
    if name[at] == "-":
        at -= 1
    forms = [
        name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :],
        name[:at] + name[at + 1 :],
        name[:at] + name[at] + name[at:],
    ]
    return rng.choice([form for form in forms if form != name] or [name + "x"])


def unknown_mjml_tag(g: Ground) -> Mutant:
    opened, closed = g.pick_pair(_is_mj)
    other = g.rng.choice(
        ["mj-" + _misspelt(opened.name[3:], g.rng), "mj-paragraph", "mj-box", "mj-row", "mj-container"]
    )
    text = g.files[opened.file]
    inner = text[opened.end : closed.start]
    new = f"<{other}{text[opened.start + 1 + len(opened.name) : opened.end]}{inner}</{other}>"
    return g.mutant("unknown MJML tag", opened.file, opened.start, closed.end, new)


def unknown_html_tag(g: Ground) -> Mutant:
    opened, closed = g.pick_pair(lambda tag: not _is_mj(tag) and tag.name != "mjml" and len(tag.name) > 3)
    other = g.rng.choice([_misspelt(opened.name, g.rng), "vak", "tekst", "row"])
    text = g.files[opened.file]
    rest = text[opened.start + 1 + len(opened.name) : opened.end]
    new = f"<{other}{rest}{text[opened.end : closed.start]}</{other}>"
    return g.mutant("unknown HTML tag", opened.file, opened.start, closed.end, new)


def unknown_attribute(g: Ground) -> Mutant:
    tag = g.pick(_is_mj)
    found = list(_ATTRIBUTE.finditer(tag.attributes))
    if found and g.rng.random() < 0.6:
        one = g.rng.choice(found)
        wrong = _misspelt(one[1], g.rng)
        attributes = tag.attributes[: one.start()] + wrong + tag.attributes[one.end(1) :]
        mutant = g.retagged("unknown attribute", tag, attributes)
        line = mutant.files[tag.file].count("\n", 0, tag.start + 1 + len(tag.name) + one.start()) + 1
        return Mutant(**{**mutant.__dict__, "lines": mutant.lines | {line}})
    wrong = g.rng.choice(
        ['margin="4px"', 'colour="#000000"', 'class="kaart"', 'style="color:#000000"', 'bgcolor="#ffffff"']
    )
    return g.retagged("unknown attribute", tag, f" {wrong}{tag.attributes}")


_BAD_VALUES = {
    "font-size": ["16", "16 px", "groot", "16pxx"],
    "padding": ["10", "10px,10px", "1px 2px 3px 4px 5px", "veel"],
    "width": ["600px600", "breed", "50 %"],
    "height": ["hoog", "16 px"],
    "line-height": ["1,5", "wijd"],
    "background-color": ["#12345", "blauw", "#gghhii", "rgb(1,2)"],
    "color": ["#12345", "donkerblauw", "0b5563", "#gghhii"],
    "align": ["links", "centre", "middle"],
    "fluid-on-mobile": ["ja", "1", "yes"],
}


def bad_value(g: Ground) -> Mutant:
    name = g.rng.choice(list(_BAD_VALUES))
    has = [t for t in g.tags if not t.closing and _is_mj(t) and re.search(rf'(?<![\w-]){name}="[^"{{]*"', t.attributes)]
    if not has:
        return bad_value(g)
    tag = g.rng.choice(has)
    one = re.search(rf'(?<![\w-]){name}="([^"]*)"', tag.attributes)
    assert one
    attributes = tag.attributes[: one.start(1)] + g.rng.choice(_BAD_VALUES[name]) + tag.attributes[one.end(1) :]
    mutant = g.retagged("bad value", tag, attributes)
    line = mutant.files[tag.file].count("\n", 0, tag.start + 1 + len(tag.name) + one.start()) + 1
    return Mutant(**{**mutant.__dict__, "lines": mutant.lines | {line}})


_MISPLACED = {
    "mj-section": ["<mj-text>Los</mj-text>", '<mj-image src="https://x.example/a.png" alt="Een ploeg" />'],
    "mj-column": [
        "<mj-section><mj-column><mj-text>Los</mj-text></mj-column></mj-section>",
        "<mj-column><mj-text>Los</mj-text></mj-column>",
    ],
    "mj-body": [
        "<mj-column><mj-text>Los</mj-text></mj-column>",
        "<mj-text>Los</mj-text>",
        '<mj-spacer height="4px" />',
    ],
    "mj-head": ["<mj-section></mj-section>", "<mj-text>Los</mj-text>"],
}


def wrong_nesting(g: Ground) -> Mutant:
    opened, _ = g.pick_pair(lambda tag: tag.name in _MISPLACED)
    return g.mutant("wrong nesting", opened.file, opened.end, opened.end, g.rng.choice(_MISPLACED[opened.name]))


def wrong_html_nesting(g: Ground) -> Mutant:
    if g.rng.random() < 0.5:
        new = g.rng.choice(["<li>Los</li>", "<tr><td>Los</td></tr>", "<td>Los</td>"])
        return g.inserted("wrong HTML nesting", new, {"mj-text", "p", "div"})
    inside = '<a href="https://federatie.example/over">Over de federatie</a>'
    return g.inserted("wrong HTML nesting", inside, {"a"})


def missing_alt(g: Ground) -> Mutant:
    if g.rng.random() < 0.5:
        tag = g.pick(lambda tag: tag.name in ("mj-image", "img") and "alt=" in tag.attributes)
        return g.retagged("missing alt", tag, re.sub(r'\s*\balt="[^"]*"', "", tag.attributes))
    return g.inserted("missing alt", '<img src="https://federatie.example/kaart.png" width="40" height="40" />')


def useless_alt(g: Ground) -> Mutant:
    alt = g.rng.choice(
        ["kaart.png", "IMG_2034.jpg", "afbeelding", "foto van een ploeg", "image", "Afbeelding van een tuin"]
    )
    new = f'<img src="https://federatie.example/kaart.png" alt="{alt}" width="40" height="40" />'
    return g.inserted("useless alt", new)


def low_contrast(g: Ground) -> Mutant:
    new = g.rng.choice(
        [
            '<span style="color:#7d7d7d">Nog iets</span>',
            '<b style="background-color:#ffffff;color:#d0d0d0">Nu</b>',
            '<i style="color:#857f7a">Nog even</i>',
        ]
    )
    return g.inserted("low contrast", new, {"mj-text", "p", "td", "div", "li"})


def low_contrast_of_what_is_there(g: Ground) -> Mutant:
    text = r"style=\"[^\"]*(?<![\w-])color:(#\w+)[^\"]*\"\s*>(?!\s*<)"
    file, found = g.find(rf"<(?:p|a|span|td|div|b)\s[^>]*?{text}")
    return g.mutant("low contrast", file, found.start(1), found.end(1), "#7d7d7d")


def low_contrast_in_the_dark(g: Ground) -> Mutant:
    file = next(name for name in g.mjml if "prefers-color-scheme" in g.files[name])
    text = g.files[file]
    begin = text.index("prefers-color-scheme: dark")
    found = g.rng.choice(list(re.finditer(r"(?<![\w-])color:\s*(#\w+)\s*!important", text[begin:])))
    return g.mutant("low contrast in the dark", file, begin + found.start(1), begin + found.end(1), "#777777")


def unclosed_tag(g: Ground) -> Mutant:
    opened, closed = g.pick_pair(lambda tag: tag.name != "mjml")
    at = opened.start
    return g.mutant("unclosed tag", opened.file, closed.start, closed.end, "", at)


def mismatched_tag(g: Ground) -> Mutant:
    opened, closed = g.pick_pair(lambda tag: tag.name != "mjml")
    wrong = g.rng.choice([name for name in ("p", "div", "span", "mj-text", "mj-column", "td") if name != opened.name])
    mutant = g.mutant("mismatched tag", closed.file, closed.start, closed.end, f"</{wrong}>")
    line = g.files[opened.file].count("\n", 0, opened.start) + 1
    return Mutant(**{**mutant.__dict__, "lines": mutant.lines | {line}})


def stray_bracket(g: Ground) -> Mutant:
    return g.inserted("stray <", g.rng.choice([" < ", "5 < 10 ", "<3 ", "<<", "prijs <100 euro "]))


def broken_quote(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: bool(_ATTRIBUTE.search(tag.attributes)) and "{" not in tag.attributes)
    one = g.rng.choice(list(_ATTRIBUTE.finditer(tag.attributes)))
    at = tag.start + 1 + len(tag.name) + g.rng.choice([one.start(2) - 1, one.end(2)])
    mutant = g.mutant("broken quote", tag.file, at, at + 1, "")
    line = g.files[tag.file].count("\n", 0, tag.start) + 1
    return Mutant(**{**mutant.__dict__, "lines": mutant.lines | {line}})


def duplicate_attribute(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: bool(_ATTRIBUTE.search(tag.attributes)))
    one = g.rng.choice(list(_ATTRIBUTE.finditer(tag.attributes)))
    return g.retagged("duplicate attribute", tag, f' {one[1]}="{one[2]}"{tag.attributes}')


def unclosed_block(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{%-?\s*end(if|for|macro)\s*-?%\}", files)
    stack: list[int] = []
    opener = 0
    text = g.files[file]
    for one in re.finditer(r"\{%-?\s*(if|for|macro|end(?:if|for|macro))\b.*?%\}", _blanked(text), re.S):
        if one[1].startswith("end"):
            opener = stack.pop()
            if one.start() == found.start():
                break
        else:
            stack.append(one.start())
    mutant = g.mutant("unclosed Jinja block", file, found.start(), found.end(), "")
    return Mutant(**{**mutant.__dict__, "lines": mutant.lines | {text.count("\n", 0, opener) + 1}})


def broken_delimiter(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}", files)
    end = "}}" if found[0].startswith("{{") else "%}"
    new = g.rng.choice([found[0][:-2], found[0][:-1], found[0][:-2] + ("%}" if end == "}}" else "}}")])
    return g.mutant("broken Jinja delimiter", file, found.start(), found.end(), new)


def undeclared_field(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{\s*([a-z_]+)(?=\s*[}|])", files)
    new = g.rng.choice([_misspelt(found[1], g.rng), "first_name", "email", "voornaam"])
    return g.mutant("undeclared field", file, found.start(1), found.end(1), new)


def wrong_member(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{[^{}]*?\b(?:spotlight|sender|block)\.([a-z_]+)[^{}]*?\}\}", files)
    return g.mutant("wrong member", file, found.start(1), found.end(1), _misspelt(found[1], g.rng))


def misspelt_filter(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{\s*[\w.]+(\|\w+)?", files)
    wrong = (
        _misspelt(found[1][1:], g.rng) if found[1] else g.rng.choice(["uper", "capitalise", "trimm", "safe", "tojson"])
    )
    start = found.start(1) if found[1] else found.end()
    return g.mutant("misspelt filter", file, start, found.end(), f"|{wrong}")


def misspelt_statement(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{%-?\s*(if|for|include|from|macro|else|endif|endfor|endmacro)\b", files)
    return g.mutant("misspelt statement", file, found.start(1), found.end(1), _misspelt(found[1] + "x", g.rng))


def missing_include(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{%-?\s*(?:include|from)\s+\"_parts/([\w-]+)\.\w+\"", files)
    return g.mutant("include that isn't there", file, found.start(1), found.end(1), _misspelt(found[1], g.rng))


def missing_macro(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{\s*([a-z]+)\(", files)
    return g.mutant("macro that isn't there", file, found.start(1), found.end(1), _misspelt(found[1], g.rng))


_BAD_LINKS = [
    "http://federatie.example/over",
    "https://localhost/over",
    "http://127.0.0.1:8000/x",
    "#",
    "",
    "javascript:void(0)",
    "https://federatie.example/ons plan",
    "https://https://federatie.example",
    "htps://federatie.example",
    "www.federatie.example",
    "/over-ons",
    "https://federatie.example/{id}",
    "file:///C:/plan.pdf",
    "https:/federatie.example",
]


def bad_link(g: Ground) -> Mutant:
    address = g.rng.choice(_BAD_LINKS)
    if g.rng.random() < 0.5:
        return g.inserted(
            "bad link", f'<a href="{address}" style="color:inherit">Over de federatie</a>', {"p", "div", "li"}
        )
    tag = g.pick(lambda tag: tag.name in ("a", "mj-button") and 'href="' in tag.attributes)
    one = re.search(r'href="([^"]*)"', tag.attributes)
    assert one
    return g.retagged("bad link", tag, tag.attributes[: one.start(1)] + address + tag.attributes[one.end(1) :])


def vague_link(g: Ground) -> Mutant:
    words = g.rng.choice(["hier", "klik hier", "Lees meer", "meer info", "link", "klik", "deze link"])
    new = f'<a href="https://federatie.example/over" style="color:inherit">{words}</a>'
    return g.inserted("vague link", new, {"p", "div", "li"})


def bad_picture(g: Ground) -> Mutant:
    source = g.rng.choice(
        [
            "kaart.png",
            "file:///home/a.png",
            "http://federatie.example/a.png",
            "data:image/png;base64,AAAA",
            "",
            "https://localhost/a.png",
            "//federatie.example/a.png",
        ]
    )
    return g.inserted("bad picture source", f'<img src="{source}" alt="Een kaart" width="40" height="40" />')


def missing_language(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: tag.name == "mjml")
    return g.retagged("language", tag, g.rng.choice(["", ' lang="nederlands"', ' lang=""', ' lang="fr"']))


def heading_jump(g: Ground) -> Mutant:
    opened, closed = g.pick_pair(lambda tag: re.fullmatch(r"h[1-3]", tag.name) is not None)
    level = {"h1": ["h2", "h3"], "h2": ["h1", "h4", "h5"], "h3": ["h1", "h5", "h6"]}[opened.name]
    other = g.rng.choice(level)
    text = g.files[opened.file]
    new = f"<{other}{text[opened.start + 3 : closed.start]}</{other}>"
    return g.mutant("headings", opened.file, opened.start, closed.end, new)


def small_font(g: Ground) -> Mutant:
    size = g.rng.choice(["9px", "10px", "11px"])
    if g.rng.random() < 0.5:
        return g.inserted(
            "font too small", f'<span style="font-size:{size}">Kleine letters</span>', {"p", "div", "li", "mj-text"}
        )
    file, found = g.find(r"<(?:p|a|span|h[1-3]|td|th)\s[^>]*?font-size:((?!1px)\d+px)[^>]*>(?=\s*[\w{])")
    return g.mutant("font too small", file, found.start(1), found.end(1), size)


def no_way_out(g: Ground) -> Mutant:
    choice = g.rng.choice(
        [
            r"\{% include \"_parts/footer\.\w+\" %\}",
            r"\{\{ unsubscribe_url \}\}",
            r"\{\{ why(?:\|wrap)? \}\}",
            r"\{\{ sender\.(?:name|address|enterprise_number|email) \}\}",
        ]
    )
    files = [name for name in g.files if name.endswith((".mjml", ".txt")) and ("footer" in name or "body" in name)]
    if "sender" in choice:
        files = [name for name in files if "footer" in name]
    file, found = g.find(choice, files)
    mutant = g.mutant("no sender, reason or way out", file, found.start(), found.end(), "")
    kind = file.rpartition(".")[2]
    bodies = frozenset(name for name in g.files if name.endswith(f"/body.{kind}"))
    return Mutant(**{**mutant.__dict__, "anywhere": bodies | {file}})


_UNSUPPORTED = [
    "display:flex",
    "display:grid",
    "position:absolute",
    "color:var(--merk)",
    "background-image:linear-gradient(#fff,#eee)",
    "clip-path:circle(40%)",
    "width:min(100px,50%)",
    "transform:rotate(4deg)",
    "writing-mode:vertical-rl",
    "width:calc(100% - 20px)",
    "background-image:url(https://federatie.example/a.png)",
]
_UNSUPPORTED_TAGS = [
    '<video src="https://federatie.example/film.mp4"></video>',
    "<svg></svg>",
    '<form action="https://federatie.example/f"></form>',
    '<img src="https://federatie.example/a.svg" alt="Een kaart" />',
    "<dialog>Los</dialog>",
]


def unsupported(g: Ground) -> Mutant:
    if g.rng.random() < 0.3:
        return g.inserted("unsupported without fallback", g.rng.choice(_UNSUPPORTED_TAGS), {"mj-text", "td", "div"})
    new = f'<div style="{g.rng.choice(_UNSUPPORTED)}">Nog iets</div>'
    return g.inserted("unsupported without fallback", new, {"mj-text", "td", "div"})


def misspelt_css(g: Ground) -> Mutant:
    file, found = g.find(r"style=\"[^\"]*?\b(font-size|line-height|color|padding|margin|font-weight|text-decoration):")
    wrong = _misspelt(found[1], g.rng)
    return g.mutant("misspelt CSS", file, found.start(1), found.end(1), wrong)


def text_part_lacks(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith(".txt")]
    names = r"intro_text\|wrap|closing_text\|wrap|view_url|spotlight\.url|title\|upper\|wrap"
    wanted = rf"\{{\{{ (?:{names}|spotlight\.text\|wrap\(indent=2\)) \}}\}}"
    file, found = g.find(wanted, files)
    mutant = g.mutant("text part lacks something", file, found.start(), found.end(), "")
    bodies = frozenset(name for name in g.files if name.endswith("/body.txt"))
    return Mutant(**{**mutant.__dict__, "anywhere": bodies | {file}})


def small_target(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: tag.name == "mj-button")
    attributes = re.sub(r'\s(?:inner-padding|line-height|font-size)="[^"]*"', "", tag.attributes)
    return g.retagged("touch target too small", tag, f'{attributes} inner-padding="2px 4px" line-height="1"')


def unknown_class(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: tag.name in ("mj-text", "mj-button", "mj-image", "mj-section"))
    return g.retagged(
        "unknown mj-class", tag, f' mj-class="{g.rng.choice(["kop", "groot", "voetnoot"])}"{tag.attributes}'
    )


def foreign_field(g: Ground) -> Mutant:
    field = g.rng.choice(["*|FNAME|*", "[[voornaam]]", "%%bedrijf%%", "«Voornaam»", "{greeting}", "${naam}"])
    return g.inserted("field of another program", f" {field} ", {"p", "div", "li"})


def unfinished(g: Ground) -> Mutant:
    words = g.rng.choice(["Lorem ipsum dolor sit amet", "TODO: aanvullen", "XXX", "[datum]"])
    return g.inserted("words to be replaced", f"{words} ", {"p", "div", "li"})


def wrong_entity(g: Ground) -> Mutant:
    return g.inserted("unknown entity", g.rng.choice(["&nbps;", "&eurro;", "&eaccute;"]), {"p", "div", "li"})


def other_kind_of_field(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith((".mjml", ".txt"))]
    file, found = g.find(r"\{\{\s*(?:intro|body|closing)_(html|text)\b", files)
    other = "text" if found[1] == "html" else "html"
    return g.mutant("field for the other part", file, found.start(1), found.end(1), other)


def markup_in_text(g: Ground) -> Mutant:
    files = [name for name in g.files if name.endswith("body.txt")]
    file, found = g.find(r"\{\{[^{}]*\}\}", files)
    return g.mutant(
        "markup in the text part", file, found.start(), found.start(), g.rng.choice(["<b>", "<br />", "<p>"])
    )


def bad_border(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: tag.name in ("mj-section", "mj-column", "mj-image") and " border=" not in tag.attributes)
    value = g.rng.choice(["dik rood", "1 solid #cccccc", "1px", "1px stippel #cccccc", "1px solid #gggggg"])
    return g.retagged("bad border", tag, f' border="{value}"{tag.attributes}')


def too_wide(g: Ground) -> Mutant:
    tag = g.pick(lambda tag: tag.name in ("mj-image", "mj-column") and " width=" not in tag.attributes)
    value = g.rng.choice(["900px", "1200px"]) if tag.name == "mj-image" else g.rng.choice(["120%", "700px"])
    return g.retagged("wider than the mail", tag, f' width="{value}"{tag.attributes}')


def without_unit(g: Ground) -> Mutant:
    file, found = g.find(r"style=\"[^\"]*?(?:font-size|padding|margin|width|height):[^;\"]*?(?<=[1-9])(px)(?=[;\"\s])")
    return g.mutant("size without a unit", file, found.start(1), found.end(1), "")


def deceiving_link(g: Ground) -> Mutant:
    new = g.rng.choice(
        [
            '<a href="https://federatie.example/over" style="color:inherit">https://bank.example/aanmelden</a>',
            '<a href="https://federatie.example/over" style="color:inherit">www.elders.example</a>',
            '<a href="https://nieuws:brief@federatie.example/over" style="color:inherit">Over de federatie</a>',
            '<a href="mailto:nieuws brief@federatie.example" style="color:inherit">Mail de federatie</a>',
        ]
    )
    return g.inserted("deceiving link", new, {"p", "div", "li"})


def low_contrast_by_default(g: Ground) -> Mutant:
    """Make a colour pale in <mj-attributes>, from which every text or button takes it."""
    file = next(name for name in g.mjml if "<mj-attributes>" in g.files[name])
    text = g.files[file]
    begin, end = text.index("<mj-attributes>"), text.index("</mj-attributes>")
    pattern = r"(?:<mj-text[^>]*?(?<![\w-])color|<mj-button[^>]*?background-color)=\"(#\w+)\""
    found = g.rng.choice(list(re.finditer(pattern, text[begin:end], re.S)))
    pale = g.rng.choice(["#bbbbbb", "#c8c8c8", "#9cd4d7"])
    mutant = g.mutant("low contrast by default", file, begin + found.start(1), begin + found.end(1), pale)
    lines = range(text.count("\n", 0, begin + found.start()) + 1, text.count("\n", 0, begin + found.end()) + 2)
    return Mutant(**{**mutant.__dict__, "lines": mutant.lines | set(lines)})


def dark_ground(g: Ground) -> Mutant:
    """Put dark words on a dark ground."""
    tag = g.pick(lambda tag: tag.name == "mj-section" and 'background-color="#ffffff"' in tag.attributes)
    return g.retagged("dark ground", tag, tag.attributes.replace("#ffffff", g.rng.choice(["#113344", "#333333"])))


def layout_table(g: Ground) -> Mutant:
    new = "<table><tr><td>Links</td><td>Rechts</td></tr></table>"
    return g.inserted("table without a role", new, {"mj-text", "td", "div"})


def closing_with_attributes(g: Ground) -> Mutant:
    _, closed = g.pick_pair(lambda tag: tag.name != "mjml")
    return g.mutant("attributes on a closing tag", closed.file, closed.start, closed.end, f'</{closed.name} class="x">')


def subject_field(g: Ground) -> Mutant:
    file, found = g.find(r"\{\{\s*(\w+)", [name for name in g.files if name.endswith("template.toml")])
    return g.mutant("unknown field in the subject", file, found.start(1), found.end(1), _misspelt(found[1], g.rng))


def unknown_setting(g: Ground) -> Mutant:
    file, found = g.find(r"fields = \[\"(\w+)", [name for name in g.files if name.endswith("template.toml")])
    return g.mutant("unknown field declared", file, found.start(1), found.end(1), "voornaam")


FAMILIES: tuple[Callable[[Ground], Mutant], ...] = (
    *(unknown_mjml_tag, unknown_html_tag, unknown_attribute, bad_value, wrong_nesting, wrong_html_nesting),
    *(missing_alt, useless_alt, low_contrast, low_contrast_of_what_is_there, low_contrast_in_the_dark),
    *(unclosed_tag, mismatched_tag, stray_bracket, broken_quote, duplicate_attribute),
    *(unclosed_block, broken_delimiter, undeclared_field, wrong_member, misspelt_filter, misspelt_statement),
    *(missing_include, missing_macro, bad_link, vague_link, bad_picture, missing_language, heading_jump, small_font),
    *(no_way_out, unsupported, misspelt_css, text_part_lacks, small_target),
    *(
        unknown_class,
        foreign_field,
        unfinished,
        wrong_entity,
        other_kind_of_field,
        markup_in_text,
        bad_border,
        too_wide,
    ),
    *(without_unit, deceiving_link, low_contrast_by_default, dark_ground, layout_table, closing_with_attributes),
    *(subject_field, unknown_setting),
)


def read(folder: Path) -> Files:
    """Read a folder of templates."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.*")) if path.is_file()}


def write(files: Files, folder: Path) -> None:
    """Write a folder of templates."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def planted(files: Files, seed: int, each: int) -> Iterator[Mutant]:
    """Plant each family's fault so many times, at places that the seed chooses."""
    for family in FAMILIES:
        rng = random.Random(f"{seed}:{family.__name__}")
        for _ in range(each):
            yield family(Ground(files, rng))


def users(files: Files, file: str) -> list[str]:
    """Name the templates that a file belongs to, by what they include."""
    if not file.startswith("_parts/"):
        return [file.partition("/")[0]]
    found = []
    for body in (name for name in files if name.rpartition("/")[2] in ("body.mjml", "body.txt")):
        seen, waiting = set[str](), [body]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += re.findall(r"\"(_parts/[^\"]+)\"", files.get(one, ""))
        if file in seen:
            found.append(body.partition("/")[0])
    return sorted(set(found))
