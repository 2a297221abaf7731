"""Every way in which a conversation with a relay can end is told apart."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
import relays
from certificates import Authority, make_authority
from hypothesis import given
from hypothesis import strategies as st
from relays import Drop, Relay, Talk

from outreach.delivery import smtp
from outreach.delivery.pipeline import MAX_MESSAGES
from outreach.delivery.replies import Reply, Stage, Verdict
from outreach.delivery.smtp import Connection, NoConnection, connect, tls_context, wire_form
from outreach.errors import Refusal
from outreach.settings import RelaySettings

MESSAGE = b"Subject: Dag\r\nMessage-ID: <1@federatie.example>\r\n\r\nDag Ann\r\n"
FROM, ANN = "nieuws@federatie.example", "ann@ann.example"


def opened(port: int, **settings: object) -> Connection:
    relay = RelaySettings.model_validate({"port": port, "timeout": 5, **settings})
    return connect(relay, tls_context(relay) if relay.security != "none" else None)


def sent(relay: Relay, message: bytes = MESSAGE, recipient: str = ANN, **settings: object) -> Reply:
    connection = opened(relay.port, **settings)
    try:
        return connection.send(FROM, recipient, message)
    finally:
        connection.close()


def answers(**said: str) -> relays.Answer:
    return lambda stage, talk: said.get(stage)


def drops_at(wanted: str) -> relays.Answer:
    def answer(stage: str, talk: Talk) -> None:
        if stage == wanted:
            raise Drop

    return answer


def test_a_message_arrives_as_it_was_written() -> None:
    message = b"Subject: x\r\n\r\n.dot\r\n..two\r\nhttps://a.example/\r\n.\r\nend"
    with Relay() as relay:
        reply = sent(relay, message)
    assert reply.verdict is Verdict.DELIVERED
    assert relay.received[0].data == message + b"\r\n"
    assert (relay.received[0].sender, relay.received[0].recipient) == (FROM, ANN)


@given(st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"\r\n.\r\n", b"\n.\n", b"\r.\r"]), max_size=30))
def test_no_message_can_end_itself_early_or_smuggle_another(parts: list[bytes]) -> None:
    wire = wire_form(b"".join(parts))
    assert b"\r\n.\r\n" not in b"\r\n" + wire
    assert wire.count(b"\n") == wire.count(b"\r") == wire.count(b"\r\n")
    assert wire.endswith(b"\r\n")


@pytest.mark.parametrize(
    "address",
    ["a b@c.example", "a@c.example>\r\nRCPT TO:<x@y.example", "a@b\n", "a", "@", "a@b c", "a<b@c.example", "a@b@c\0"],
)
def test_an_address_can_not_carry_a_command(address: str) -> None:
    with Relay() as relay:
        connection = opened(relay.port)
        with pytest.raises(ValueError, match="SMTP command"):
            connection.send(FROM, address, MESSAGE)
        connection.close()
    assert not any("RCPT" in line for line in relay.log)


@pytest.mark.parametrize(
    ("said", "stage", "verdict"),
    [
        ({"mail": "550 5.7.1 no"}, Stage.MAIL, Verdict.PAUSE),
        ({"mail": "530 5.7.0 log in"}, Stage.MAIL, Verdict.STOP),
        ({"rcpt": "550 5.1.1 unknown"}, Stage.RCPT, Verdict.REJECT),
        ({"rcpt": "450 4.2.0 later"}, Stage.RCPT, Verdict.RETRY),
        ({"rcpt": "552 5.2.2 full"}, Stage.RCPT, Verdict.RETRY),
        ({"rcpt": "421 bye"}, Stage.RCPT, Verdict.SLOW),
        ({"data": "451 4.3.0 later"}, Stage.DATA, Verdict.RETRY),
        ({"dot": "554 5.7.1 spam"}, Stage.DOT, Verdict.PAUSE),
        ({"dot": "451 later"}, Stage.DOT, Verdict.RETRY),
    ],
)
def test_the_refusal_that_counts_is_returned_and_the_next_message_goes(
    said: dict[str, str], stage: Stage, verdict: Verdict
) -> None:
    with Relay(answer=lambda stage, talk: said.get(stage) if talk.sender != "second@x.example" else None) as relay:
        connection = opened(relay.port)
        reply = connection.send(FROM, ANN, MESSAGE)
        assert (reply.stage, reply.verdict) == (stage, verdict)
        if connection.usable and stage is not Stage.MAIL:
            assert connection.send("second@x.example", ANN, MESSAGE).verdict is Verdict.DELIVERED
        connection.close()
    assert len(relay.received) <= 1


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [
        ("mail", Verdict.RETRY),
        ("rcpt", Verdict.RETRY),
        ("data", Verdict.RETRY),
        ("dot", Verdict.UNCERTAIN),
    ],
)
def test_a_drop_before_the_final_dot_is_retried_and_after_it_uncertain(stage: str, verdict: Verdict) -> None:
    with Relay(answer=drops_at(stage)) as relay:
        reply = sent(relay)
    assert (reply.code, reply.verdict) == (None, verdict)


def test_a_drop_in_the_middle_of_the_message_is_retried() -> None:
    def server(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 hi\r\n")
            for _ in range(3):
                connection.recv(1000)
                connection.sendall(b"250 ok\r\n")
            connection.recv(1000)
            connection.sendall(b"354 go\r\n")
            connection.recv(1000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server, args=(listener,))
        thread.start()
        connection = opened(listener.getsockname()[1])
        reply = connection.send(FROM, ANN, MESSAGE + b"x" * 50_000_000)
        thread.join()
    assert (reply.stage, reply.verdict) == (Stage.DATA, Verdict.RETRY)
    assert not connection.usable
    connection.close()


def test_no_answer_after_the_final_dot_is_uncertain() -> None:
    def answer(stage: str, talk: Talk) -> None:
        if stage == "dot":
            time.sleep(3)

    with Relay(answer=answer) as relay:
        reply = sent(relay, timeout=1)
    assert (reply.stage, reply.code, reply.verdict) == (Stage.DOT, None, Verdict.UNCERTAIN)
    assert "no answer in time" in str(reply)


def test_an_answer_that_drips_can_not_outlast_its_time() -> None:
    def server(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for _ in range(100):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=server, args=(listener,), daemon=True).start()
        started = time.monotonic()
        with pytest.raises(NoConnection):
            opened(listener.getsockname()[1], timeout=1)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n", b"x" * 10_000, b"220-a\r\n" * 500, b"\xff\xfe\r\n"])
def test_a_server_that_does_not_speak_smtp_is_no_relay(noise: bytes) -> None:
    def server(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(noise)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=server, args=(listener,), daemon=True).start()
        with pytest.raises(NoConnection) as caught:
            opened(listener.getsockname()[1], timeout=1)
    assert caught.value.reply.verdict is Verdict.SLOW


@pytest.mark.parametrize(
    ("said", "stage", "verdict"),
    [
        ({"connect": "421 too many"}, Stage.CONNECT, Verdict.SLOW),
        ({"connect": "554 not you"}, Stage.CONNECT, Verdict.STOP),
        ({"ehlo": "421 bye"}, Stage.EHLO, Verdict.SLOW),
        ({"ehlo": "550 no"}, Stage.EHLO, Verdict.STOP),
    ],
)
def test_a_relay_that_refuses_at_the_door_is_told_apart(said: dict[str, str], stage: Stage, verdict: Verdict) -> None:
    with Relay(answer=answers(**said)) as relay, pytest.raises(NoConnection) as caught:
        opened(relay.port)
    assert (caught.value.reply.stage, caught.value.reply.verdict) == (stage, verdict)


def test_a_relay_that_is_not_there_can_be_tried_again() -> None:
    with pytest.raises(NoConnection, match="can't be reached") as caught:
        opened(relays.free_port())
    assert caught.value.reply.verdict is Verdict.SLOW


def test_a_connection_carries_a_hundred_messages_at_most() -> None:
    with Relay() as relay:
        connection = opened(relay.port)
        for _ in range(MAX_MESSAGES):
            assert connection.usable
            connection.send(FROM, ANN, MESSAGE)
        assert not connection.usable
        connection.close()
    assert len(relay.received) == MAX_MESSAGES


def test_an_international_domain_goes_as_a_labels_without_smtputf8() -> None:
    with Relay() as relay:
        assert sent(relay, recipient="info@café-münchen.example").verdict is Verdict.DELIVERED
    assert relay.recipients == ["info@xn--caf-mnchen-dbb8n.example"] or relay.recipients[0].isascii()
    assert not any("SMTPUTF8" in line for line in relay.log)


def test_an_address_outside_ascii_goes_only_to_a_relay_that_takes_it() -> None:
    with Relay() as relay:
        assert sent(relay, recipient="jürgen@bedrijf.example").verdict is Verdict.REJECT
    with Relay(ehlo=("SMTPUTF8", "8BITMIME")) as relay:
        assert sent(relay, recipient="jürgen@bedrijf.example").verdict is Verdict.DELIVERED
    assert relay.recipients == ["jürgen@bedrijf.example"]
    assert any("SMTPUTF8" in line for line in relay.log)


def test_starttls_with_a_certificate_of_ours_and_login(authority: Authority) -> None:
    with relays.aiosmtpd_relay(starttls=authority.server(), login=("team", "geheim é")) as (port, inbox):
        connection = opened(
            port, security="starttls", ca_file=str(authority.ca_file), username="team", password="geheim é"
        )
        assert connection.send(FROM, ANN, MESSAGE).verdict is Verdict.DELIVERED
        connection.close()
    assert inbox.received[0].recipient == ANN


def test_tls_from_the_start_with_login(authority: Authority) -> None:
    with relays.aiosmtpd_relay(tls=authority.server(), login=("team", "geheim")) as (port, inbox):
        connection = opened(port, security="tls", ca_file=str(authority.ca_file), username="team", password="geheim")
        assert connection.send(FROM, ANN, MESSAGE).verdict is Verdict.DELIVERED
        connection.close()
    assert len(inbox.received) == 1


def test_a_wrong_password_is_configuration(authority: Authority) -> None:
    with (
        relays.aiosmtpd_relay(starttls=authority.server(), login=("team", "geheim")) as (port, _),
        pytest.raises(NoConnection) as caught,
    ):
        opened(port, security="starttls", ca_file=str(authority.ca_file), username="team", password="fout")
    assert (caught.value.reply.stage, caught.value.reply.verdict) == (Stage.AUTH, Verdict.STOP)
    assert "fout" not in str(caught.value)


def test_mail_without_the_login_that_is_wanted_is_configuration(authority: Authority) -> None:
    with relays.aiosmtpd_relay(starttls=authority.server(), login=("team", "geheim")) as (port, inbox):
        connection = opened(port, security="starttls", ca_file=str(authority.ca_file))
        reply = connection.send(FROM, ANN, MESSAGE)
        connection.close()
    assert (reply.code, reply.verdict) == (530, Verdict.STOP)
    assert not inbox.received


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown authority", "other host", "expired"])
def test_a_certificate_that_does_not_hold_stops_before_any_mail(
    authority: Authority, tmp_path: Path, security: str, fault: str
) -> None:
    faulty = make_authority(
        tmp_path / "faulty", host="elders.example" if fault == "other host" else None, expired=fault == "expired"
    )
    ca_file = authority.ca_file if fault == "unknown authority" else faulty.ca_file
    server = faulty.server()
    tls = {"tls": server} if security == "tls" else {"starttls": server}
    with relays.aiosmtpd_relay(**tls) as (port, inbox), pytest.raises(NoConnection) as caught:
        opened(port, security=security, ca_file=str(ca_file))
    assert (caught.value.reply.stage, caught.value.reply.verdict) == (Stage.STARTTLS, Verdict.STOP)
    assert "certificate" in str(caught.value)
    assert not inbox.received


def test_a_relay_without_starttls_gets_no_mail_in_the_open() -> None:
    with Relay() as relay, pytest.raises(NoConnection, match="offers no STARTTLS") as caught:
        opened(relay.port, security="starttls")
    assert caught.value.reply.verdict is Verdict.STOP


def test_words_slipped_in_before_tls_are_refused() -> None:
    def answer(stage: str, talk: Talk) -> str | None:
        return "250-relay.test\r\n250 STARTTLS" if stage == "ehlo" else None

    class Slipping(Relay):
        def _command(self, line: str, talk: Talk, say: relays.Any, reader: relays.Any) -> None:
            if line == "STARTTLS":
                say("220 go on\r\n250 slipped in")
            else:
                super()._command(line, talk, say, reader)

    with Slipping(answer=answer) as relay, pytest.raises(NoConnection, match="before TLS") as caught:
        opened(relay.port, security="starttls")
    assert caught.value.reply.verdict is Verdict.STOP


def test_tls_on_a_port_that_speaks_plainly_is_configuration() -> None:
    with Relay() as relay, pytest.raises(NoConnection, match="TLS") as caught:
        opened(relay.port, security="tls")
    assert caught.value.reply.verdict is Verdict.STOP


def test_a_login_method_we_do_not_know_is_configuration(authority: Authority) -> None:
    relay = RelaySettings.model_validate({"username": "a", "password": "b", "security": "tls"})
    with Relay(ehlo=("AUTH CRAM-MD5 XOAUTH2",)) as server:
        raw = socket.create_connection(("127.0.0.1", server.port))
        connection = Connection(relay, raw)
        with pytest.raises(smtp._Lost, match="XOAUTH2") as caught:
            connection._read(Stage.CONNECT, 5)
            connection._hello()
            connection._log_in()
        raw.close()
    assert caught.value.reply.verdict is Verdict.STOP


def test_a_ca_file_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for prepare in (lambda: None, lambda: file.write_text("no certificate")):
        prepare()
        relay = RelaySettings.model_validate({"security": "tls", "ca_file": str(file)})
        with pytest.raises(Refusal, match=r"relay\.ca_file"):
            tls_context(relay)
