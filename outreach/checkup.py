"""What `outreach check` looks at: settings, keys, database, templates, segments, signature, relays and inbox, by line.

An examination never changes anything, and one that fails doesn't stop the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from outreach import place
from outreach.audience import segments
from outreach.audience.addresses import AddressError, parse_address
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.database import Database, current_revision, latest_revision, open_database
from outreach.delivery.smtp import NoConnection, connect, tls_context
from outreach.documents import read_toml
from outreach.emails import signing, templates
from outreach.errors import Refusal
from outreach.inbox import examining as inbox
from outreach.keys import Keys, keys_file, read_keys
from outreach.models import Installation
from outreach.place import Standing
from outreach.relays import Relay
from outreach.settings import FILE_NAME, Settings, load_settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `area` of the project, whether it is well, and what it is or what to do."""

    area: str
    ok: bool
    text: str


def examine(project: Path) -> Iterator[Finding]:
    """Yield what was found, area by area; without readable settings nothing else can be looked at."""
    try:
        settings = load_settings(project)
    except Refusal as refusal:
        yield from (Finding("settings", False, line) for line in str(refusal).splitlines())
        return
    yield from _settings(project, settings)
    database: Database | None = None
    try:
        database = open_database(settings.database.url, project)
        yield from _caught("database", lambda: _database(project, database))
        yield from _caught("keys", lambda: _keys(project, database))
    except Refusal as refusal:
        yield Finding("database", False, str(refusal))
    finally:
        if database is not None:
            database.close()
    yield from _each("template", templates.available, templates.load, project / "templates" / "emails")
    yield from _each("segment", segments.available, segments.load, project / "segments")
    yield from _caught("dkim", lambda: _dkim(settings, project))
    for relay in settings.all_relays:
        yield from _caught("relay", partial(_relay, relay))
    yield from _caught("inbox", lambda: _inbox(settings, project))


def _caught(area: str, examination: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from examination()
    except Refusal as refusal:
        yield from (Finding(area, False, line) for line in str(refusal).splitlines())
    except SQLAlchemyError as error:
        yield Finding(area, False, f"cannot be read: {error.__class__.__name__}: {getattr(error, 'orig', error)}")


def _settings(project: Path, settings: Settings) -> Iterator[Finding]:
    faults = [
        *_missing(settings),
        *_bad_addresses(settings),
        *filter(None, [settings.site.port_fault]),
    ]
    number = settings.sender.enterprise_number
    if number:
        try:
            parse_enterprise_number(number)
        except NumberError as error:
            faults.append(f"sender.enterprise_number: {error}{_line_of(project, number)}")
    if settings.sending.office_opens >= settings.sending.office_closes:
        faults.append("sending.office_closes: is not later than sending.office_opens, so no mail could ever go")
    for fault in faults:
        yield Finding("settings", False, f"{FILE_NAME}: {fault}")
    if not faults:
        yield Finding("settings", True, f"{project / FILE_NAME}")
    if settings.site.url.startswith("http://") and "127.0.0.1" not in settings.site.url:
        text = "site.url: is http://; mail programs offer one-click opt-out for https:// only (RFC 8058)"
        yield Finding("settings", False, f"{FILE_NAME}: {text}")


def _line_of(project: Path, number: str) -> str:
    """Return where the file holds the sender's number, nothing if another source does."""
    document = read_toml(project / FILE_NAME)
    written = document.data.get("sender", {}).get("enterprise_number")
    return f" (line {document.line_of(('sender', 'enterprise_number'))})" if written == number else ""


def _missing(settings: Settings) -> list[str]:
    needed = ("name", "address", "enterprise_number", "email")
    return [
        f"sender.{name}: is empty; the law wants it in every mail"
        for name in needed
        if not getattr(settings.sender, name)
    ]


def _bad_addresses(settings: Settings) -> list[str]:
    named = {
        "sender.email": settings.sender.email,
        "mail.from_address": settings.mail.from_address,
        "mail.reply_to": settings.mail.reply_to,
        "limits.notify": settings.limits.notify,
    }
    faults = []
    for name, value in named.items():
        try:
            if value:
                parse_address(value)
        except AddressError as error:
            faults.append(f"{name}: {error}")
    return faults


def _database(project: Path, database: Database) -> Iterator[Finding]:
    place = database.engine.url.render_as_string(hide_password=True)
    if database.is_sqlite and not Path(database.engine.url.database or "").exists():
        yield Finding("database", False, f"{place}: not made yet; run `outreach db upgrade`")
        return
    revision = current_revision(database)
    if revision == latest_revision():
        yield Finding("database", True, f"{place} at revision {revision}")
    else:
        text = f"{place} is at revision {revision}, this version needs {latest_revision()}: run `outreach db upgrade`"
        yield Finding("database", False, text)


def _keys(project: Path, database: Database) -> Iterator[Finding]:
    file = keys_file(project)
    keys = read_keys(project)
    if database.is_sqlite and not Path(database.engine.url.database or "").exists():
        return
    if current_revision(database) is None:
        return
    with database.reading() as session:
        installation = session.scalar(select(Installation))
    if keys is None:
        yield Finding("keys", False, f"{file}: missing; restore it with `outreach db restore`")
        return
    if mode := file.stat().st_mode & 0o077:
        yield Finding("keys", False, f"{file}: others may read it (mode {mode:03o} too wide); chmod 600 {file}")
    yield from _pair(file, keys, installation, database)


def _pair(file: Path, keys: Keys, installation: Installation | None, database: Database) -> Iterator[Finding]:
    if installation is None:
        yield Finding("keys", False, f"{file}: the database has no keys yet; run `outreach db upgrade`")
        return
    if installation.key_canary != keys.canary:
        yield Finding("keys", False, f"{file}: not the key this database was made with; restore the pair")
        return
    standing = place.standing(database, keys.instance_id)
    if standing is Standing.FOREIGN:
        text = "the database was restored or copied, or the folder moved: it sends nothing until `outreach db adopt`"
        yield Finding("keys", False, text)
    elif standing is Standing.STRANGER:
        text = "this host isn't one of those that send from the database: it sends nothing until `outreach db join`"
        yield Finding("keys", False, text)
    else:
        yield Finding("keys", True, f"{file} belongs to the database")


def _each(
    area: str, available: Callable[[Path], list[str]], load: Callable[[Path, str], object], folder: Path
) -> Iterator[Finding]:
    try:
        names = available(folder)
    except Refusal as refusal:
        yield Finding(area, False, str(refusal))
        return
    if not names:
        yield Finding(area, False, f"{folder}: holds none; copy one from a project made with `outreach init`")
    for name in names:
        try:
            load(folder, name)
        except Refusal as refusal:
            yield from (Finding(area, False, line) for line in str(refusal).splitlines())
        else:
            yield Finding(area, True, name)


def _dkim(settings: Settings, project: Path) -> Iterator[Finding]:
    signer = signing.load(settings.dkim, project)
    if signer is None:
        text = "nobody signs here; if the relay doesn't either, make a key with `outreach dkim key`"
        yield Finding("dkim", True, text)
        return
    ours = settings.mail_domain.lower()
    if not f".{ours}".endswith(f".{signer.domain}"):
        text = f"{FILE_NAME}: dkim.domain: {signer.domain} isn't the domain of From ({ours}) or one above it (DMARC)"
        yield Finding("dkim", False, text)
        return
    selectors = " and ".join(selector for selector, _ in signer.keys)
    yield Finding("dkim", True, f"{signer.domain} signs with {selectors}; `outreach dkim record` prints the record")


def _inbox(settings: Settings, project: Path) -> Iterator[Finding]:
    for ok, text in inbox.examine(settings, project, datetime.now(UTC)):
        yield Finding("inbox", ok, text)


def _relay(relay: Relay) -> Iterator[Finding]:
    found = relay.settings
    place = f"{found.host}:{found.port} ({found.security})"
    context = None if found.security == "none" else tls_context(found)
    try:
        connect(found, context).close()
    except NoConnection as refused:
        yield Finding("relay", False, f"{place}: {refused}")
    else:
        yield Finding("relay", True, f"{place} answers" + (" and takes the login" if found.username else ""))
