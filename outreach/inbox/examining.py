"""Whether what comes back can come in: each way that the settings name is tried as it will be used; nothing is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from outreach.emails.assembly import ascii_domain
from outreach.errors import Refusal
from outreach.inbox import imap, ses, signing
from outreach.settings import Settings

# A certificate of SNS is replaced about once a year; two weeks are enough to fetch the new one.
SOON = timedelta(days=14)


def examine(settings: Settings, project: Path, now: datetime) -> Iterator[tuple[bool, str]]:
    """Yield of each way in whether it is well, and what it is or what to mend."""
    inbox = settings.inbox
    for name, domain in (
        ("mail.bounce_domain", settings.mail.bounce_domain),
        ("inbox.reply_domain", inbox.reply_domain),
    ):
        if domain:
            yield from _told(partial(_domain, name, domain))
    if inbox.imap_host:
        yield from _told(partial(_imap, settings))
    if inbox.maildir:
        yield from _told(partial(_maildir, settings, project))
    if secret := inbox.webhook_secret.get_secret_value():
        yield from _told(partial(_webhook, secret))
    if inbox.ses_certificates or inbox.ses_topics:
        yield from _told(partial(_ses, settings, project, now))


def _told(examination: Callable[[], str]) -> Iterator[tuple[bool, str]]:
    try:
        yield True, examination()
    except Refusal as refusal:
        yield from ((False, line) for line in str(refusal).splitlines())


def _domain(name: str, domain: str) -> str:
    if "@" in domain or "." not in ascii_domain(domain):
        raise Refusal(f"{name}: {domain!r} is no domain name; write it like terug.example.be")
    return f"{name}: {domain}; its mail must come in here"


def _webhook(secret: str) -> str:
    signing.secret_of(secret)
    return "inbox.webhook_secret: signed webhooks are taken at /api/inbox"


def _imap(settings: Settings) -> str:
    with imap.opened(settings.inbox) as folder:
        return f"{folder.name} can be read"


def _maildir(settings: Settings, project: Path) -> str:
    folder = project / settings.inbox.maildir
    for name in ("new", "cur"):
        if not (folder / name).is_dir():
            raise Refusal(f"inbox.maildir {folder}: has no {name}/, so it is no Maildir")
        if settings.inbox.maildir_after != "keep" and not os.access(folder / name, os.W_OK | os.X_OK):
            raise Refusal(f"inbox.maildir {folder}: {name}/ can't be written by this user, so nothing can be moved")
    return f"inbox.maildir {folder} can be read"


def _ses(settings: Settings, project: Path, now: datetime) -> str:
    if not settings.inbox.ses_certificates or not settings.inbox.ses_topics:
        raise Refusal("inbox.ses_certificates and inbox.ses_topics: one without the other takes nothing in")
    file = project / settings.inbox.ses_certificates
    until = max((each.not_valid_after_utc for each in ses.certificates(file)), default=now)
    if until - now < SOON:
        raise Refusal(f"inbox.ses_certificates {file}: valid until {until:%Y-%m-%d} only: fetch the new certificate")
    return f"inbox.ses_certificates {file}: valid until {until:%Y-%m-%d}"
