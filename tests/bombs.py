"""Templates of a few hundred characters that would use up time or memory, to run in a process with limits.

`python bombs.py` reads a JSON list of templates and prints for each how it ended and how many seconds it took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

MEGABYTE = 2**20


def doubled(start: str, step: str, times: int = 40, name: str = "x") -> str:
    return f"{{% set {name} = {start} %}}" + f"{{% set {name} = {step} %}}" * times


LIST = doubled("[1]", "[x, x]")
SMALL = doubled("[1]", "[x, x]", 14)
TEXT = doubled("'aaaaaaaaaa'", "x ~ x", 15)
LONG = doubled("'aaaaaaaaaa'", "x ~ x", 13)

BOMBS = [
    LIST + "{{ x|string }}",
    LIST + "{{ x }}",
    LIST + "{{ x|length }}",
    doubled("(1,)", "(x, x)") + "{{ x }}",
    doubled("{'a': 1}", "{'a': x, 'b': x}") + "{{ x }}",
    doubled("[1]", "{'a': x, 'b': [x, (x,)]}") + "{{ x }}",
    LIST + doubled("[1]", "[y, y]", name="y") + "{{ x == y }}",
    SMALL + doubled("[1]", "[y, y]", 14, "y") + "{% if x == y %}{% endif %}" * 500,
    SMALL + doubled("[1]", "[y, y]", 14, "y") + "{{ [x, y]|sort|length }}" * 400,
    SMALL + doubled("[1]", "[y, y]", 14, "y") + "{{ x in [y, y, y, y] }}" * 400,
    SMALL + doubled("[1]", "[y, y]", 14, "y") + "{% if x is eq(y) %}{% endif %}" * 400,
    SMALL + doubled("[1]", "[y, y]", 14, "y") + "{{ [x, x, x]|select('eq', y)|length }}" * 200,
    doubled("(1,)", "(x, x)", 14) + "{{ [x, x]|unique|length }}" * 400,
    doubled("(1,)", "(x, x)", 14) + "{{ {" + "x: 1, " * 2000 + "}|length }}",
    doubled("(1,)", "(x, x)", 14) + "{% set d = {} %}" + "{% if d[x] is defined %}{% endif %}" * 400,
    "{% macro f(x, n) %}{% if n %}{{ f([x, x], n - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f([1], 40) }}",
    "{% with x = [1] %}" + "{% with x = [x, x] %}" * 15 + "{{ x ~ x }}" + "{% endwith %}" * 16,
    "{% for a in [[1]] %}{% for b in [[a, a, a, a, a, a]] %}{{ [b, b, b] * 9999 }}{% endfor %}{% endfor %}",
    "{% macro f(x=[1]) %}{% for a in [x, x] %}{{ caller([a, a]) }}{% endfor %}{% endmacro %}"
    "{% call(y) f() %}{% call(z) f([y, y]) %}{% call(a) f([z, z]) %}{{ a|join }}" + "{% endcall %}" * 3,
    LIST + "{% for a in [1, 2] %}{{ loop.cycle(x, x) }}{% endfor %}",
    SMALL + "{% for a in range %}{% endfor %}{% for a in x|list %}{% if loop.changed(x) %}{% endif %}{% endfor %}",
    "{{ 'a' * 10 ** 9 }}",
    "{{ [1] * 999999999 }}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{% set x = 999999999 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "{{ ('9'|int) ** 999999 }}",
    "{{ 1|round(999999999, 'ceil') }}",
    "{{ 1|round(-999999999, 'floor') }}",
    LONG + "{{ ('9' ~ x)|int(0, 36) * 2 }}",
    TEXT + "{{ " + " ~ ".join(["x"] * 4000) + " }}",
    TEXT + "{% if " + " ~ ".join(["x"] * 4000) + " == 1 %}{% endif %}",
    TEXT + "{{ [" + "x ~ x," * 2000 + "]|length }}",
    LONG + "{{ x|list|join(x) }}",
    LONG + "{{ x|list|join(x)|list|join(x) }}",
    LONG + "{{ x|list|map('upper')|map('wrap')|join|length }}" * 100,
    LONG + "{{ [x, x, x]|map('list')|sum(start=[])|length }}",
    "{{ [" + "[1]," * 4000 + "]|sum(start=[])|length }}",
    doubled("'<!---->'", "x ~ x", 16) + "{{ x|striptags }}" * 10,
    doubled("'a\n'", "x ~ x", 18) + "{{ x|wrap(30, 20)|length }}" * 10,
    doubled("'a '", "x ~ x", 18) + "{{ x|wrap(30)|length }}" * 10,
    doubled("'          '", "x ~ x", 15) + "{{ x }}x" * 10,
    doubled("'a'", "x ~ x", 18) + doubled("'bcdefghijkl'", "y ~ y", 12, "y") + "{{ x.strip(y ~ 'a') }}" * 100,
    doubled("'a'", "x ~ x", 18) + "{{ x|trim('" + "b" * 9000 + "a')|length }}" * 2,
    LONG + "{% for a in x|list %}" + "{% if a + a + a + a + a %}{% endif %}" * 300 + "{% endfor %}",
    "{% macro m(a) %}" + "{% if a + a + a + a + a %}{% endif %}" * 400 + "{% endmacro %}"
    "{% for a in " + str([*range(700)]) + " %}{{ m(a) }}{{ m(a) }}{{ m(a) }}{% endfor %}",
    "{% for a in " + str([*range(900)]) + " %}" + "{{ a }}" * 2000 + "{% endfor %}",
    "{% set s = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}"
    + "".join(f"{{% for {name} in s %}}" for name in "abcd")
    + "x{% endfor %}" * 4,
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for b in blocks recursive %}{{ loop(blocks) }}{% endfor %}",
    doubled("[{'a': {'a': 1}}]", "x", 1) + "{{ x|sort(attribute='" + "a.a," * 4000 + "')|length }}",
    LONG + "{{ x|list|groupby(attribute='" + "a." * 4000 + "')|length }}",
    LONG + "{% set x = x|list %}" + "{% set x = x|map('list')|list %}" * 200,
    doubled("'\U0001f600'", "x ~ x", 18) + "{{ x|list|length }}{% for a in x %}{% endfor %}",
    "{% set x %}" + "{{ blocks }}" * 1500 + "{% endset %}{{ x }}",
    doubled("'&&&&&&&&'", "(x|e) ~ x", 30) + "{{ x }}",
    doubled("'a'", "x|list ~ x", 30) + "{{ x }}",
    "{{ " + "[" * 90 + "]" * 90 + " }}",
    "{{ " + "-" * 9000 + "1 }}",
    "{{ x" + "|upper" * 3000 + " }}",
    "<mj-section><mj-column><mj-text/></mj-column></mj-section>" * 300,
    "{% for a in " + str([*range(900)]) + " %}<mj-text/><mj-text/><mj-text/><mj-text/>{% endfor %}",
    "{% for a in " + str([*range(900)]) + " %}<mj-text><a/><a/><a/><a/><a/><a/><a/><a/><a/></mj-text>{% endfor %}",
    "{% for a in " + str([*range(900)]) + " %}" + "\ue000" * 400 + "{% endfor %}<mj-nothing>",
    "<mj-carousel>" + "<mj-carousel-image src='https://x.example' />" * 300 + "</mj-carousel>",
]


def main() -> None:
    from outreach.emails import templates
    from outreach.emails.checking import findings
    from outreach.emails.model import MailModel, MergeFields, Sender
    from outreach.emails.rendering import Renderer
    from outreach.emails.templates import TemplateSource
    from outreach.errors import Refusal

    who = Sender("Maatwerk", "Straat 1, 9000 Gent", "0123.456.749", "n@x.example", "https://x.example")
    named = {"language": "nl", "title": "T", "subject": "S", "view_url": "https://x.example/n"}
    blank: dict[str, object] = dict.fromkeys(MailModel.__dataclass_fields__, "")
    model = MailModel(**{**blank, **named, "blocks": (), "sender": who})  # type: ignore[arg-type]
    fields = MergeFields("Beste Ann", "Ann", "P", "Bakkerij", "Daarom.", *["https://x.example/u"] * 2)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 200 * MEGABYTE,) * 2)
    for bomb in json.load(sys.stdin):
        page = f"<mjml><mj-body><mj-section><mj-column>{bomb}</mj-column></mj-section></mj-body></mjml>"
        for body, text in ((page, "x"), ("<mjml><mj-body></mj-body></mjml>", bomb)):
            source = TemplateSource("small", "S", "", "s", (), body, text, {})
            started, said = time.process_time(), "rendered"
            try:
                templates.faults(source)
                findings(source, model, Renderer(source).render(model, fields), fields)
            except Refusal as refusal:
                said = "MemoryError" if "MemoryError" in str(refusal) else f"refused: {str(refusal)[:90]}"
            print(json.dumps([said, time.process_time() - started]), flush=True)


if __name__ == "__main__":
    main()
