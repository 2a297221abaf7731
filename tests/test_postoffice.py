"""The mail programs of the tests do what tests rely on: mail arrives, comes back, and is read over IMAP with TLS."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

import pytest
from certificates import make_authority
from imapclient import IMAPClient
from postoffice import Postfix, running_dovecot, running_postfix

BOUNCES, KNOWN = "bounces@terug.example", "info@bedrijf.example"


def send(postfix: Postfix, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        for recipient in recipients:
            text = f"From: nieuws@federatie.example\r\nTo: {recipient}\r\nSubject: Proef\r\n\r\nDag\r\n"
            client.sendmail("bounces+12.abc@terug.example", [recipient], text)
    postfix.wait_until_idle()


@pytest.mark.postfix
@pytest.mark.dovecot
def test_postfix_delivers_and_bounces_and_dovecot_shows_what_came(
    tmp_path: Path, postfix_installed: None, dovecot_installed: None
) -> None:
    authority = make_authority(tmp_path / "tls")
    with running_postfix([BOUNCES, KNOWN]) as postfix:
        send(postfix, KNOWN, "weg@bedrijf.example", "iemand@elders.example")
        assert len(postfix.mails_to(KNOWN)) == 1
        bounces = postfix.mails_to(BOUNCES)
        assert {mail["To"] for mail in bounces} == {"bounces+12.abc@terug.example"}
        assert sorted(mail.get_content_type() for mail in bounces) == ["multipart/report"] * 2
        shown = {"terug": postfix.boxes[BOUNCES]}
        with running_dovecot(shown, chain=authority.chain, key=authority.key, ca_file=authority.ca_file) as dovecot:
            context = ssl.create_default_context(cafile=str(authority.ca_file))
            with IMAPClient("127.0.0.1", dovecot.port, ssl_context=context) as client:
                client.login("terug", dovecot.password)
                client.select_folder("INBOX", readonly=True)
                assert len(client.search(["ALL"])) == 2
