"""What SpamAssassin says of a whole message, where it is there: content rules only, no network, bounded in time."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from outreach.emails.checking.finding import Finding, Severity

PROGRAM = "spamassassin"
SECONDS = 30
LIMIT = 0.5
# Named whatever they score: each says that the mail is put together wrongly.
_ALWAYS = re.compile(r"MISSING_\w+|MIME_HTML_ONLY|MPART_ALT_DIFF\w*|HTML_FONT_LOW_CONTRAST")
# They speak of the journey, which a message that was never sent hasn't made.
_JOURNEY = re.compile(r"NO_RE\w+|ALL_TRUSTED|MISSING_(?:RECEIVED|DATE_HDR)|MSGID_\w+|\w*_RELAY\w*")
_RULE = re.compile(r"^ ?(-?\d+\.\d)\s+([A-Z][A-Z0-9_]+)\s+(.*(?:\n {20,}\S.*)*)$", re.MULTILINE)


def spam_findings(message: bytes, where: str) -> list[Finding]:
    """List the rules that a message trips over; nothing if SpamAssassin isn't there or takes too long."""
    program = shutil.which(PROGRAM)
    if program is None:
        return []
    command = [program, "-L", "-t", "--cf=use_bayes 0"]
    try:
        ran = subprocess.run(command, input=message, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        what = f"SpamAssassin took more than {SECONDS} seconds and was stopped"
        return [Finding(Severity.HINT, where, what, "ask again when the machine is less busy", "spam-slow")]
    return list(_rules(ran.stdout.decode(errors="replace"), where))


def _rules(report: str, where: str) -> Iterator[Finding]:
    begin = report.find("Content analysis details")
    for score, name, words in _RULE.findall(report[begin:] if begin >= 0 else ""):
        points = float(score)
        if _JOURNEY.fullmatch(name) or not (points > LIMIT or _ALWAYS.fullmatch(name)):
            continue
        what = f"SpamAssassin's rule {name} gives {points:g} points: {' '.join(words.split())}"
        mend = "change what the rule describes"
        why = "many mail servers add such points up and put the mail aside at 5"
        yield Finding(Severity.WARNING, where, what, mend, "spam", why)
