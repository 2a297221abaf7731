"""The sign-up form for other sites: plain HTML that posts to ours, or a frame; neither needs a script."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from markupsafe import escape
from sqlalchemy.orm import Session

from outreach.links import Links
from outreach.settings import Settings
from outreach.subscriptions import texts


def form(session: Session, settings: Settings, links: Links, now: datetime) -> str:
    """Return the form; its text is kept as evidence, so that sign-ups with it count after the text has changed."""
    text = texts.newsletter(settings)
    digest = texts.keep(session, text, now)
    source = (Path(__file__).parent / "snippet.html").read_text(encoding="utf-8")
    values = {"url": links.sign_up(), "digest": digest, "text": text.text}
    for name, value in values.items():
        source = source.replace("{{ " + name + " }}", str(escape(value)))
    return source


def frame(links: Links) -> str:
    """Return a frame with our own form."""
    address = escape(f"{links.sign_up()}/ingebed")
    style = "width:100%;max-width:42rem;height:48rem;border:0"
    # The form opens our page in the whole window; without a referrer we would not know which site it stood on.
    return (
        f'<iframe src="{address}" title="Inschrijven op de nieuwsbrief" style="{style}" '
        'referrerpolicy="origin"></iframe>\n'
    )
