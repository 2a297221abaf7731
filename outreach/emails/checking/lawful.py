"""What the law and the mail programs want of every message: sender, reason, way out, a subject, a size."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outreach.emails import markup
from outreach.emails.checking import names
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.checking.placing import Placing
from outreach.emails.model import ALWAYS, MailModel, MergeFields, fold
from outreach.emails.rendering import Rendered
from outreach.emails.templates import TemplateSource

# Gmail shows about 102 KB and hides the rest, the way out included.
HTML_WARNING = 80 * 1024
HTML_LIMIT = 100 * 1024
SUBJECT_LENGTH = 78

_ALWAYS = {"why": "the law wants the reader told why he gets this", "unsubscribe_url": "the mail has no way out"}
_FOOTERS = {"body.mjml": "_parts/footer.mjml", "body.txt": "_parts/footer.txt"}
_LAW = "Economic Law Code XII.6 and XII.13; GDPR art. 14 and 21"
_SPACE = re.compile(r"\s+")


def always(template: TemplateSource) -> Iterator[Finding]:
    """Yield the bodies that never say why or how out."""
    for part in ("body.mjml", "body.txt"):
        for name in sorted(set(ALWAYS) - names.used(template, part)):
            what = f"{{{{ {name} }}}} isn't in it: {_ALWAYS[name]}"
            mend = f'write it, or {{% include "{_FOOTERS[part]}" %}}'
            yield Finding(Severity.ERROR, template.file(part), what, mend, "law-missing", _LAW)


def subject(line: str) -> Iterator[Finding]:
    """Yield what is wrong with a rendered subject."""
    if not line:
        what, mend = "the subject is empty", "write one of 30 to 60 characters"
        yield Finding(Severity.ERROR, "subject", what, mend, "subject-empty")
    elif len(line) > SUBJECT_LENGTH:
        what = f"the subject has {len(line)} characters; most programs show 40 to 70"
        yield Finding(Severity.WARNING, "subject", what, f"shorten it to at most {SUBJECT_LENGTH}", "subject-long")


def size(template: TemplateSource, html: str) -> Iterator[Finding]:
    """Yield whether the HTML is too large to be shown whole."""
    octets = len(html.encode())
    if octets > HTML_WARNING:
        severity = Severity.ERROR if octets > HTML_LIMIT else Severity.WARNING
        what = f"the HTML has {octets // 1024} KB; Gmail cuts it off at about 102 KB, the way out included"
        mend = f"leave out services or text, to under {HTML_WARNING // 1024} KB"
        yield Finding(severity, template.file("body.mjml"), what, mend, "size")


def shown(placing: Placing, model: MailModel, rendered: Rendered, fields: MergeFields | None) -> Iterator[Finding]:
    """Yield what of sender, reason and way out didn't come through, in either part."""
    template, sender = placing.template, model.sender
    wanted = {
        "the sender's name": sender.name,
        "the sender's postal address": sender.address,
        "the sender's enterprise number": sender.enterprise_number,
        "the sender's e-mail address": sender.email,
    }
    if fields:
        wanted["why the reader gets this"] = fields.why
    html = _SPACE.sub(" ", markup.text_of(rendered.html))
    plain = _SPACE.sub(" ", rendered.text)
    for name, value in wanted.items():
        bare = fold(value)
        if not bare:
            mend = "fill it in in the settings of the sender"
            yield Finding(Severity.ERROR, "sender", f"{name} is empty", mend, "law-sender-empty", _LAW)
            continue
        for part, text in (("body.mjml", html), ("body.txt", plain)):
            if bare not in text:
                mend = 'keep {% include "_parts/footer…" %}'
                yield Finding(Severity.ERROR, template.file(part), f"{name} isn't in it", mend, "law-missing", _LAW)
    if fields and fields.unsubscribe_url not in markup.links_in(rendered.html):
        where, mend = template.file("body.mjml"), "link {{ unsubscribe_url }}"
        yield Finding(Severity.ERROR, where, "no link opts out", mend, "law-missing", _LAW)
    if fields and fields.unsubscribe_url not in rendered.text:
        where, mend = template.file("body.txt"), "write {{ unsubscribe_url }}"
        yield Finding(Severity.ERROR, where, "no link opts out", mend, "law-missing", _LAW)
