"""Messages that smtp-sink kept, held against the rows and the standard library's parser."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import select

from outreach.app import open_app
from outreach.emails.assembly import message_id
from outreach.links import Links, Purpose
from outreach.models import Campaign, Contact, Delivery

# Every link that says whom the mail went to.
_TOKEN = re.compile(r"/(u|voorkeuren)/([0-9a-z.]+)")
_PURPOSES = {"u": Purpose.OPT_OUT, "voorkeuren": Purpose.PREFERENCES}


@dataclass
class Found:
    """Who got a message, and how large each was."""

    recipients: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def mean_size(self) -> int:
        return sum(self.sizes) // len(self.sizes)


def check(project: Path, files: Sequence[Path]) -> Found:
    """Parse and check each message; an AssertionError names what is wrong with the first that is."""
    found, app = Found(), open_app(project)
    with app.database.reading() as session:
        rows = session.execute(
            select(Contact.address, Contact.id, Delivery.id, Contact.first_name).join(
                Delivery, Delivery.contact_id == Contact.id
            )
        )
        known = {address: (contact, delivery, name) for address, contact, delivery, name in rows}
        campaign = session.scalars(select(Campaign.id)).one()
    for file in files:
        # What the sink says of the transaction stands above the message, with lines that end in LF.
        own, _, raw = file.read_bytes().partition(b"\nFrom: ")
        raw = b"From: " + raw.rstrip(b"\n") + b"\n"
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        envelope = re.search(rb"^X-Rcpt-Args: <(.+)>", own, re.MULTILINE)
        assert envelope is not None
        recipient = envelope[1].decode()
        contact, delivery, name = known[recipient]
        assert not [part.defects for part in message.walk() if part.defects], recipient
        assert message["To"] == recipient
        domain = app.settings.mail_domain
        assert message["Message-ID"] == message_id(campaign, contact, domain, app.links.key), recipient
        texts = [str(message["List-Unsubscribe"])]
        for kind in ("plain", "html"):
            part = message.get_body((kind,))
            assert part is not None
            texts.append(part.get_content())
            assert f"Beste {name}" in texts[-1] or f"Dag {name}" in texts[-1], (recipient, kind)
        for text in texts:
            tokens = [_addressed(app.links, *token) for token in _TOKEN.findall(text)]
            assert tokens, recipient
            assert set(tokens) == {delivery}, (recipient, tokens)
        found.recipients.append(recipient)
        found.sizes.append(len(raw) + raw.count(b"\n"))
    app.close()
    return found


def _addressed(links: Links, place: str, token: str) -> int:
    addressed = links.read_addressed(_PURPOSES[place], token)
    assert addressed is not None, token
    return addressed.delivery_id
