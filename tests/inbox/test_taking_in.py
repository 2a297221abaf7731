"""Every way in keeps a message once, whole, and before anything else; a broken one stops no other."""

from __future__ import annotations

import io
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Authority, make_authority
from conftest import Clock, Ran
from imapclient import IMAPClient
from inbox import post
from inbox.conftest import Office, with_inbox
from postoffice import Dovecot, give, make_maildir, running_dovecot
from sqlalchemy import func, select

from outreach import checkup, intake, jobs
from outreach.app import App, open_app
from outreach.inbox import imap, receiving
from outreach.inbox.receiving import Incoming
from outreach.models import InboxMessage, InboxState


def kept(app: App) -> int:
    with app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(InboxMessage)) or 0


def test_the_same_message_over_two_ways_is_one(both: App) -> None:
    raw = b"From: a@b.example\r\nTo: c@d.example\r\nMessage-ID: <1@b.example>\r\nSubject: x\r\n\r\nDag\r\n"
    other = b"Return-Path: <>\nDelivered-To: c@d.example\nReceived: by mx\n" + raw.replace(b"\r\n", b"\n")
    first, second = (intake.keep(both, [Incoming(each, "x")], source="pipe")[0] for each in (raw, other))
    assert (first.new, second.new) == (True, False)
    assert first.id == second.id
    (third,) = intake.keep(both, [Incoming(raw.replace(b"<1@", b"<2@"), "x")], source="pipe")
    assert third.new


def test_of_a_message_that_is_too_large_the_start_is_kept(app: App) -> None:
    raw = b"From: a@b.example\r\nSubject: groot\r\n\r\n" + b"x" * 3_000_000
    (received,) = intake.keep(app, [Incoming(raw, "x")], source="pipe")
    with app.database.reading() as session:
        message = session.get_one(InboxMessage, received.id)
        assert message.truncated
        assert message.size == len(raw)
        assert len(message.raw or b"") == app.settings.inbox.max_bytes


@pytest.mark.parametrize("raw", [b"\0" * 50, b"\r\n\r\n", b"From:\r\n\r\n", b"\xff\xfe" * 9, b"Subject: =?x?q?=?=\n\n"])
def test_whatever_comes_in_waits_for_a_person_at_worst(app: App, raw: bytes) -> None:
    (received,) = intake.keep(app, [Incoming(raw, "x")], source="pipe")
    intake.understand(app)
    with app.database.reading() as session:
        assert session.get_one(InboxMessage, received.id).state in (InboxState.WAITING, InboxState.UNDERSTOOD)


def test_one_that_can_not_be_handled_stops_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    classify = intake.classify

    def broken(raw: bytes) -> object:
        if b"breekt" in raw:
            raise RuntimeError("a defect of ours")
        return classify(raw)

    monkeypatch.setattr(intake, "classify", broken)
    first, second = office.take_in(b"Subject: breekt\r\n\r\nx\r\n", post.bounce(office.mail_to("ann")))
    assert first.state is InboxState.WAITING
    assert "a defect of ours" in first.note
    assert second.state is InboxState.UNDERSTOOD
    assert office.suppressed() == 1


@pytest.fixture
def maildir(project: Path) -> Path:
    return make_maildir(project / "terug")


@pytest.mark.parametrize(("after", "left"), [("cur", "cur"), ("keep", "new"), ("delete", "")])
def test_a_maildir_is_read_and_its_mail_moved_left_or_deleted(
    maildir: Path, project: Path, clock: Clock, after: str, left: str
) -> None:
    with_inbox(project, f'maildir = "terug"\nmaildir_after = "{after}"\n')
    for number in range(3):
        raw = b"From: a@b.example\nMessage-ID: <%d@b.example>\n\nx\n" % number
        (maildir / "new" / f"{number}.mx").write_bytes(raw)
    (maildir / "new" / "4.mx").symlink_to("/etc/passwd")
    app = open_app(project, clock=clock)
    first, second = jobs.read_inbox(app), jobs.read_inbox(app)
    assert (first.new, second.new, second.known) == (3, 0, 0)
    assert kept(app) == 3, "a link into the machine is not followed"
    files = {name: len([f for f in (maildir / name).iterdir() if not f.is_symlink()]) for name in ("new", "cur")}
    assert files == {"new": 0, "cur": 0} | ({left: 3} if left else {})
    app.close()


def test_a_maildir_that_is_gone_is_named_and_stops_nothing_else(
    project: Path, clock: Clock, cli: Callable[..., Ran]
) -> None:
    with_inbox(project, 'maildir = "nergens"\n')
    ran = cli("inbox", "read")
    assert ran.code == 1
    assert "inbox.maildir" in ran.err
    assert "Traceback" not in ran.err


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_a_pipe_takes_a_message_in_and_acts_on_it(
    office: Office, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = office.mail_to("ann")
    raw = post.bounce(mail, to="undisclosed-recipients:;", returned="Subject: x\n")
    monkeypatch.setattr(sys, "stdin", Stdin(raw))
    monkeypatch.setattr("outreach.commands.door._clock", lambda: office.clock)  # the mail left by it
    ran = cli("inbox", "receive", "--recipient", mail.sender)
    assert ran.code == 0, ran.err
    assert office.suppressed() == 1, "the envelope's recipient holds the token where To does not"
    monkeypatch.setattr(sys, "stdin", Stdin(raw))
    assert "taken in before" in cli("inbox", "receive", "--recipient", mail.sender).out


def test_a_pipe_asks_the_mail_server_to_try_again_while_the_database_is_away(
    project: Path, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"Subject: x\r\n\r\nx\r\n"))
    monkeypatch.setenv("OUTREACH_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none")
    assert cli("inbox", "receive").code == 75
    monkeypatch.delenv("OUTREACH_DATABASE__URL")
    monkeypatch.setattr(sys, "stdin", Stdin(b"Subject: x\r\n\r\nx\r\n"))
    assert cli("inbox", "receive").code == 75, "no database yet"
    app = open_app(project, clock=clock)
    app.close()
    monkeypatch.setattr(sys, "stdin", Stdin(b"Subject: x\r\n\r\nx\r\n"))
    assert cli("inbox", "receive").code == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
def dovecot(authority: Authority, dovecot_installed: None) -> Iterator[Dovecot]:
    files = {"chain": authority.chain, "key": authority.key, "ca_file": authority.ca_file}
    with tempfile.TemporaryDirectory(prefix="outreach-mailbox-") as folder:
        Path(folder).chmod(0o755)  # Dovecot reads the mailbox as its owner, who may not look into pytest's folders
        with running_dovecot({"terug": make_maildir(Path(folder) / "mailbox")}, **files) as dovecot:
            yield dovecot


def put(dovecot: Dovecot, *numbers: int) -> None:
    box = dovecot.users["terug"]
    for number in numbers:
        raw = b"From: a@b.example\r\nMessage-ID: <%d@b.example>\r\nSubject: nr %d\r\n\r\nDag\r\n" % (number, number)
        (box / "new" / f"{number}.mx").write_bytes(raw)
    give(box)


def over_imap(dovecot: Dovecot, project: Path, clock: Clock, **more: object) -> App:
    values = {
        "imap_host": "127.0.0.1",
        "imap_port": dovecot.port,
        "imap_username": "terug",
        "imap_password": dovecot.password,
        "imap_ca_file": str(dovecot.ca_file),
        "batch": 2,
        **more,
    }
    lines = (f"{name} = {value!r}\n".replace("'", '"') for name, value in values.items())
    with_inbox(project, "".join(lines))
    return open_app(project, clock=clock)


def flags(dovecot: Dovecot) -> dict[int, tuple[bytes, ...]]:
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    with IMAPClient("127.0.0.1", dovecot.port, ssl_context=context) as client:
        client.login("terug", dovecot.password)
        client.select_folder("INBOX", readonly=True)
        found = client.fetch(client.search(["ALL"]), ["FLAGS"])
        return {uid: tuple(flag for flag in data[b"FLAGS"] if flag != b"\\Recent") for uid, data in found.items()}


@pytest.mark.dovecot
def test_an_imap_mailbox_is_read_in_batches_and_goes_on_where_it_stopped(
    dovecot: Dovecot, project: Path, clock: Clock
) -> None:
    app = over_imap(dovecot, project, clock)
    put(dovecot, 1, 2, 3, 4, 5)
    assert jobs.read_inbox(app).new == 5
    again = jobs.read_inbox(app)
    assert (again.new, again.known) == (0, 0), "what was read is not even asked for"
    put(dovecot, 6)
    assert jobs.read_inbox(app).new == 1
    assert kept(app) == 6
    assert flags(dovecot) == dict.fromkeys(range(1, 7), ()), "nothing is deleted, nothing is marked as seen"
    app.close()


@pytest.mark.dovecot
def test_a_mailbox_that_was_made_anew_is_read_from_its_start_and_nothing_twice(
    dovecot: Dovecot, project: Path, clock: Clock
) -> None:
    app = over_imap(dovecot, project, clock)
    put(dovecot, 1, 2)
    jobs.read_inbox(app)
    box = dovecot.users["terug"]
    for file in box.glob("dovecot*"):  # with these gone, UIDs are given out anew under another UIDVALIDITY
        file.unlink()
    time.sleep(1.1)  # it is the second in which they were made
    put(dovecot, 3)
    read = jobs.read_inbox(app)
    assert (read.new, read.known) == (1, 2)
    app.close()


@pytest.mark.dovecot
def test_mail_is_deleted_only_where_that_is_configured_and_it_was_taken_in_whole(
    dovecot: Dovecot, project: Path, clock: Clock
) -> None:
    """Comparable systems deleted mail from the mailbox that they could not process."""
    app = over_imap(dovecot, project, clock, imap_after="delete", max_bytes=100_000)
    put(dovecot, 1, 2)
    large = b"From: a@b.example\r\nMessage-ID: <groot@b.example>\r\n\r\n" + b"Dag nog eens.\r\n" * 10_000
    (dovecot.users["terug"] / "new" / "9.mx").write_bytes(large)
    give(dovecot.users["terug"])
    assert jobs.read_inbox(app).new == 3
    assert len(flags(dovecot)) == 1
    with app.database.reading() as session:
        waiting = session.scalars(select(InboxMessage.state)).all()
    assert set(waiting) == {InboxState.WAITING}, "deleted there, kept here until a person has seen it"
    app.close()


@pytest.mark.dovecot
def test_one_message_that_the_server_does_not_hand_over_stops_no_other(
    dovecot: Dovecot, project: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = over_imap(dovecot, project, clock, batch=10)
    put(dovecot, 1, 2, 3)
    ask = imap.Folder._ask

    def broken(folder: imap.Folder, uids: list[int]) -> dict[int, bytes]:
        if 2 in uids:
            raise imap.IMAPClientError("internal error: refer to server log")
        return ask(folder, uids)

    monkeypatch.setattr(imap.Folder, "_ask", broken)
    assert jobs.read_inbox(app).new == 3
    with app.database.reading() as session:
        notes = session.scalars(
            select(InboxMessage.note).where(InboxMessage.note.contains("refer to server log"))
        ).all()
    assert len(notes) == 1
    app.close()


@pytest.mark.dovecot
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"imap_ca_file": ""}, "no certificate that we trust"),
        ({"imap_password": "fout"}, "refuses the login"),
        ({"imap_folder": "Bestaat niet"}, "Bestaat niet"),
    ],
)
def test_a_mailbox_that_can_not_be_read_says_why(
    dovecot: Dovecot, project: Path, clock: Clock, wrong: dict[str, str], said: str
) -> None:
    app = over_imap(dovecot, project, clock, **wrong)
    read = jobs.read_inbox(app)
    assert len(read.faults) == 1
    assert said in read.faults[0]
    assert read.faults[0].startswith("inbox.imap_")
    app.close()


def test_a_server_that_is_away_says_so(project: Path, clock: Clock) -> None:
    with_inbox(project, 'imap_host = "127.0.0.1"\nimap_port = 1\nimap_username = "terug"\n')
    app = open_app(project, clock=clock)
    (fault,) = jobs.read_inbox(app).faults
    assert "can't be reached" in fault
    app.close()


def test_a_copied_database_takes_no_mail_in(project: Path, clock: Clock, maildir: Path) -> None:
    with_inbox(project, 'maildir = "terug"\n')
    (maildir / "new" / "1.mx").write_bytes(b"Subject: x\n\nx\n")
    app = open_app(project, clock=clock)
    app.close()
    (project / ".state" / "place.json").unlink(missing_ok=True)
    copied = open_app(project, clock=clock)
    read = jobs.read_inbox(copied)
    copied.close()
    assert read.new == 0
    assert read.faults


def test_the_fingerprint_is_that_of_what_the_writer_wrote() -> None:
    raw = b"From: a@b.example\nSubject: a\n b\n\nDag"
    assert receiving.fingerprint(raw) == receiving.fingerprint(b"Received: x\r\n" + raw.replace(b"\n", b"\r\n"))
    assert receiving.fingerprint(raw) != receiving.fingerprint(raw + b"!")


@pytest.mark.dovecot
def test_the_check_tries_each_way_in_and_reads_nothing(
    dovecot: Dovecot, project: Path, clock: Clock, maildir: Path
) -> None:
    app = over_imap(dovecot, project, clock, maildir="terug", webhook_secret="whsec_kort")
    put(dovecot, 1)
    found = {finding.text: finding.ok for finding in checkup.examine(project) if finding.area == "inbox"}
    assert [text for text, ok in found.items() if not ok] == [
        "inbox.webhook_secret: write whsec_ and at least 24 bytes in base64"
    ]
    assert any("terug@127.0.0.1" in text and text.endswith("can be read") for text in found)
    assert kept(app) == 0
    (maildir / "cur").rmdir()
    text = " ".join(finding.text for finding in checkup.examine(project) if not finding.ok)
    assert "has no cur/" in text
    app.close()
