"""Lists of people who opted out elsewhere: exports of Mailchimp, Flexmail and Brevo, and plain lists of addresses.

The format is told by its headers; a list without known headers is read for the column that holds addresses. What a row
says about its own state is believed: an address that is not blocked there is not suppressed here, and a row that says
nothing clear is refused rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from outreach.audience import bulk, columns, rejects, suppressing, tables
from outreach.audience.addresses import AddressError, parse_address
from outreach.audience.cells import CellError, clean_name, parse_date
from outreach.audience.columns import Field, fold_header
from outreach.audience.rejects import Reject
from outreach.audience.suppressing import Suppressing
from outreach.belgium.calendar import BRUSSELS
from outreach.links import hash_address
from outreach.models import SuppressionReason


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Folded as headers are: without case, accents, spaces and signs.
_YES = _words("""
    yes y true 1 x ja j oui o waar vrai blocked blocklisted blacklisted blacklist unsubscribed optout optedout
    unsubscriber uitgeschreven afgemeld geblokkeerd desinscrit desabonne cleaned bounced bounce hardbounce softbounce
    complaint
    complained spam spamcomplaint abuse deleted verwijderd
""")
_NO = _words("""
    no n false 0 nee neen non onwaar faux subscribed active actief actif ingeschreven confirmed bevestigd inscrit abonne
    optin optedin notblocked unblocked
""")
_STATE_HEADERS = _words("""
    blocklisted blacklisted blocklist blacklist emailblocklisted emailblacklisted emailblacklist emailblocklist
    emailcampaignsblocklisted status emailstatus state toestand statut unsubscribed uitgeschreven afgemeld optout
    optedout subscriptionstatus emailsubscriptionstatus emailmarketingstatus contactstatus geblokkeerd
""")
_DATE_HEADERS = _words("""
    unsubtime cleantime unsubscribedat unsubscribedate unsubscribedon dateunsubscribed optoutdate uitgeschrevenop
    datumuitschrijving uitschrijfdatum blacklistedat blacklistdate blacklistedon blockedat dateblacklisted
    datumblacklist datedesinscription date datum
""")
_REASON_HEADERS = _words("""
    unsubreason reason reden raison blacklistreason blocklistreason unsubscribereason uitschrijfreden cleanreason
""")
_ADDRESS_HEADERS = _words("emailaddress emailadres subscriber")
_MAILCHIMP = frozenset({"unsubtime", "unsubcampaigntitle", "cleantime", "cleancampaigntitle"})
_MAILCHIMP_MEMBERS = frozenset({"memberrating", "optintime", "optinip", "confirmtime"})


@dataclass(frozen=True)
class SuppressionReading:
    """A list that was read: addresses to suppress (each once), rows that say not blocked, and refused rows."""

    path: Path
    format: str
    headers: list[str]
    rows: int
    suppressing: list[Suppressing]
    doubles: int
    not_blocked: int
    rejects: list[Reject]
    encoding: str | None
    delimiter: str | None


@dataclass(frozen=True)
class SuppressionSummary:
    file: str
    format: str
    rows: int
    suppressed: int
    already_suppressed: int
    doubles: int
    not_blocked: int
    rejected: int
    encoding: str | None
    delimiter: str | None
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a row stand. In a list without headers the first row is an address too."""

    format: str
    address: int
    state: int | None
    date: int | None
    reason: int | None
    headerless: bool = False
    many: bool = False  # several addresses on a line


def read_suppressions(
    path: Path, *, suppression_key: bytes, now: datetime, encoding: str | None = None, sheet: str | None = None
) -> SuppressionReading:
    """Read a list of opt-outs; FileRefused if it holds no column of addresses, or only people who are subscribed."""
    table = tables.read_table(path, encoding=encoding, sheet=sheet, is_header=_is_header, rows_required=False)
    rows = list(table.rows)
    layout = _layout(table, rows)
    headers = table.headers
    if layout.headerless:
        rows.insert(0, (table.header_line, headers))
        headers = ["e-mail" if place == layout.address else "" for place in range(len(headers))]
    if layout.headerless and layout.many:
        rows = [(line, [cell]) for line, cells in rows for cell in cells if cell.strip()]
        headers = ["e-mail"]
    width = len(headers)
    reader = _Reader(path.name, layout, suppression_key, now, rejects.opener(table.headers))
    for line, cells in rows:
        reader.read(line, cells, width)
    return SuppressionReading(
        path=path,
        format=layout.format,
        headers=headers,
        rows=len(rows),
        suppressing=list(reader.found.values()),
        doubles=reader.doubles,
        not_blocked=reader.not_blocked,
        rejects=reader.rejects,
        encoding=table.encoding,
        delimiter=table.delimiter,
    )


def save_suppressions(session: Session, reading: SuppressionReading, *, actor: str) -> SuppressionSummary:
    """Suppress the addresses of a list; unknown ones too, as hashes and nothing else."""
    bulk.hold(session)
    reason = SuppressionReason.IMPORTED
    new, known = suppressing.suppress_many(session, reading.suppressing, reason=reason, actor=actor)
    return SuppressionSummary(
        file=reading.path.name,
        format=reading.format,
        rows=reading.rows,
        suppressed=new,
        already_suppressed=known,
        doubles=reading.doubles,
        not_blocked=reading.not_blocked,
        rejected=len(reading.rejects),
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        rejects=tuple(reading.rejects),
    )


def _is_header(cells: list[str]) -> bool:
    return any(_is_address_header(cell) for cell in cells)


def _is_address_header(header: str) -> bool:
    return columns.field_of(header) is Field.EMAIL or fold_header(header) in _ADDRESS_HEADERS


def _layout(table: tables.Table, rows: list[tables.Row]) -> _Layout:
    folded = [fold_header(header) for header in table.headers]
    address = next((place for place, header in enumerate(table.headers) if _is_address_header(header)), None)
    if address is None:
        return _without_known_header(table, rows)
    if any(columns.field_of(header) is Field.LEGAL_BASIS for header in table.headers):
        what = "it has a column for the legal basis, so it is a list of contacts and not of opt-outs"
        raise tables.FileFault(what, "Use `outreach import contacts`, or remove that column", path=table.path)
    format = _format(folded, table.path)
    return _Layout(
        format,
        address,
        None if format == "mailchimp" else _first(folded, _STATE_HEADERS),
        _first(folded, _DATE_HEADERS),
        _first(folded, _REASON_HEADERS),
    )


def _format(folded: list[str], path: Path) -> str:
    headers = set(folded)
    if headers & _MAILCHIMP:
        return "mailchimp"
    if len(headers & _MAILCHIMP_MEMBERS) >= 2:
        what = "it is Mailchimp's export of subscribed members: nobody in it opted out"
        raise tables.FileFault(what, "Import the files unsubscribed_… and cleaned_… of the same export", path=path)
    if headers & {"addedtime", "modifiedtime", "emailblacklisted", "emailblocklisted"}:
        return "brevo"
    if headers & {"blacklistreason", "blacklistedat", "dateblacklisted"} or "flexmail" in path.name.casefold():
        return "flexmail"
    return "list"


def _without_known_header(table: tables.Table, rows: list[tables.Row]) -> _Layout:
    """Find the column in which most cells are addresses; the first row is data if it holds one there too."""
    sample = [cells for _, cells in rows[:200]]
    holds = [sum(_is_address(cells[place]) for cells in sample) for place in range(len(table.headers))]
    heads = [_is_address(header) for header in table.headers]
    best = max(range(len(table.headers)), key=lambda place: (holds[place], heads[place]))
    if not holds[best] and not heads[best]:
        what = f"it has no column of addresses; the headers are: {', '.join(map(repr, table.headers))}"
        raise tables.FileFault(what, "Call the column e-mail", path=table.path, line=table.header_line)
    if sum(heads) > 1:
        return _Layout("list", 0, None, None, None, headerless=True, many=True)
    return _Layout("list", best, None, None, None, headerless=any(heads))


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except AddressError:
        return False
    return True


def _first(folded: list[str], wanted: Iterable[str]) -> int | None:
    return next((place for place, header in enumerate(folded) if header in wanted), None)


class _Reader:
    """Reads rows one after the other; the first date of an address that stands twice counts."""

    def __init__(
        self, file: str, layout: _Layout, key: bytes, now: datetime, mend: Callable[[list[str]], list[str]] | None
    ) -> None:
        self._layout, self._key, self._now, self._mend = layout, key, now, mend
        self._source = f"{layout.format}: {file}, {now.astimezone(BRUSSELS):%Y-%m-%d}"
        self.found: dict[bytes, Suppressing] = {}
        self.rejects: list[Reject] = []
        self.doubles = self.not_blocked = 0

    def read(self, line: int, cells: list[str], width: int) -> None:
        cells = self._mend(cells) if self._mend else cells
        try:
            if len(cells) > width:
                raise CellError(f"it has {len(cells)} cells but there are {width} headers")
            if not self._is_blocked(cells):
                self.not_blocked += 1
                return
            one = self._suppressing(cells)
        except ValueError as error:
            self.rejects.append(Reject(line, str(error), tuple(cells)))
            return
        if self.found.setdefault(one.address_hash, one) is not one:
            self.doubles += 1

    def _is_blocked(self, cells: list[str]) -> bool:
        place = self._layout.state
        if place is None:
            return True
        word = fold_header(cells[place])
        if word in _YES or word in _NO:
            return word in _YES
        raise CellError(f"{cells[place]!r} doesn't say whether the address is blocked: write yes or no")

    def _suppressing(self, cells: list[str]) -> Suppressing:
        layout = self._layout
        address = parse_address(cells[layout.address]).address
        reason = clean_name(cells[layout.reason], 2_000)[:120] if layout.reason is not None else ""
        source = f"{self._source}: {reason}" if reason else self._source
        return Suppressing(hash_address(self._key, address), source, self._at(cells))

    def _at(self, cells: list[str]) -> datetime:
        """Return when the person opted out; an unreadable date must not undo the opt-out, so then it is now."""
        if self._layout.date is None or not cells[self._layout.date].strip():
            return self._now
        try:
            day = parse_date(cells[self._layout.date])
        except CellError:
            return self._now
        return min(datetime(day.year, day.month, day.day, tzinfo=BRUSSELS).astimezone(UTC), self._now)
