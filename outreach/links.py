"""Web addresses of ours, the tokens in them, and the keyed hash of a mail address.

A token is `<id>.<MAC>` in one path segment: the MAC (HMAC-SHA256, 128 bits) covers purpose, id and something of the row
that no other row has, so that a token of one purpose opens nothing of another, nobody can opt out, confirm or read in a
stranger's name, and a number that is given again after a database was put back opens nothing of its new owner. Base32
in small letters: it survives programs that change the case, and fits in the local part of an address.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import idna

MAC_BYTES = 16
# No vowels and no look-alikes: codes never spell a word and survive being read out on the phone.
CODE_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
CODE_LENGTH = 12
# No row has this id: the opt-out address of a test mail or preview works and opts nobody out.
NOBODY = 0
NO_ADDRESS = bytes(16)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_PLACES = {size: range(-(-size * 8 // 10) * 10 - 10, -1, -10) for size in (MAC_BYTES, 20)}


class Purpose(StrEnum):
    """What a token is for."""

    OPT_OUT = "opt-out"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"
    PERSONAL = "personal"
    LEAD = "lead"
    BOUNCE = "bounce"
    REPLY = "reply"


class Asked(NamedTuple):
    """What a Reply-To address says: which campaign, and which service if the mail showed one only; no person."""

    campaign_id: int
    service_id: int | None


class Addressed(NamedTuple):
    """What an opt-out link says: which delivery, and the keyed hash of the address that it went to."""

    delivery_id: int
    address_hash: bytes


@dataclass(frozen=True)
class Links:
    """Addresses under the public site's `base`, signed with `key`."""

    base: str
    key: bytes = field(repr=False)

    def token(self, purpose: Purpose, id: int, bound: bytes) -> str:
        """Return the token for a row, which `bound` tells from any other row that ever had or gets its id."""
        return f"{id}.{self._mac(purpose, id, bound)}"

    def read(self, purpose: Purpose, token: str, bound: Callable[[int], bytes | None]) -> int | None:
        """Return the row's id, or None for a token we did not make for this row; `bound` looks it up by its id."""
        number, _, mac = token.partition(".")
        id = _id(number)
        if id is None or not mac.isascii():
            return None
        known = bound(id)
        expected = self._mac(purpose, id, known or b"")
        return id if hmac.compare_digest(expected, mac.lower()) and known is not None else None

    def addressed_token(self, purpose: Purpose, id: int, address_hash: bytes) -> str:
        """Return the token for a delivery that also carries whom it went to.

        It stays good for that address if the row is lost with a database that was put back.
        """
        return f"{id}.{_of_address(address_hash)}.{self._mac(purpose, id, address_hash)}"

    def read_addressed(self, purpose: Purpose, token: str) -> Addressed | None:
        """Return the delivery's id and the address hash of a token that we made, None for any other."""
        if not token.isascii() or token.count(".") != 2:
            return None
        number, text, mac = token.lower().split(".")
        id, address_hash = _id(number), _bytes(text)
        if id is None or address_hash is None:
            return None
        good = hmac.compare_digest(self._mac(purpose, id, address_hash), mac)
        return Addressed(id, address_hash) if good else None

    def reply_token(self, campaign_id: int, service_id: int | None, bound: bytes) -> str:
        """Return the token of a Reply-To address; `bound` tells the campaign from any other that gets its number."""
        mac = self._mac(Purpose.REPLY, campaign_id, _about(service_id) + bound)
        return f"{campaign_id}.{service_id or NOBODY}.{mac}"

    def read_reply(self, token: str, bound: Callable[[int], bytes | None]) -> Asked | None:
        """Return what a Reply-To address of ours says, None for any other; `bound` looks the campaign up."""
        if not token.isascii() or token.count(".") != 2:
            return None
        campaign, service, mac = token.lower().split(".")
        campaign_id, service_id = _id(campaign), _id(service)
        if campaign_id is None or service_id is None:
            return None
        known = bound(campaign_id)
        expected = self._mac(Purpose.REPLY, campaign_id, _about(service_id or None) + (known or b""))
        good = hmac.compare_digest(expected, mac) and known is not None
        return Asked(campaign_id, service_id or None) if good else None

    def _mac(self, purpose: Purpose, id: int, bound: bytes) -> str:
        return letters(keyed(self.key, f"{purpose}:{id}:".encode() + bound)[:MAC_BYTES])

    def opt_out(self, delivery_id: int, address_hash: bytes) -> str:
        return f"{self.base}/u/{self.addressed_token(Purpose.OPT_OUT, delivery_id, address_hash)}"

    def preferences(self, delivery_id: int, address_hash: bytes) -> str:
        """Return the page on which the recipient of a mail chooses topics and frequency."""
        return f"{self.base}/voorkeuren/{self.addressed_token(Purpose.PREFERENCES, delivery_id, address_hash)}"

    def preferences_by_mail(self) -> str:
        """Return the page that mails the person's own link to whoever types the address."""
        return f"{self.base}/voorkeuren"

    def personal(self, confirmation_id: int, address_hash: bytes) -> str:
        """Return the same page by a link that was mailed just now, which opens everything about the person."""
        return f"{self.base}/voorkeuren/{self.token(Purpose.PERSONAL, confirmation_id, address_hash)}"

    def confirm(self, confirmation_id: int, address_hash: bytes) -> str:
        return f"{self.base}/bevestig/{self.token(Purpose.CONFIRM, confirmation_id, address_hash)}"

    def sign_up(self) -> str:
        return f"{self.base}/nieuwsbrief"

    def lead(self, lead_id: int, secret: bytes) -> str:
        return f"{self.base}/lead/{self.token(Purpose.LEAD, lead_id, secret)}"

    def tracked(self, code: str) -> str:
        return f"{self.base}/l/{code}"

    def newsletter(self, cohort_code: str) -> str:
        return f"{self.base}/n/{cohort_code}"

    def edition(self, campaign: str) -> str:
        return f"{self.base}/nieuwsbrieven/{campaign}"

    def picture(self, digest: str, suffix: str) -> str:
        return f"{self.base}/media/{digest}{suffix}"

    def service(self, slug: str) -> str:
        return f"{self.base}/diensten/{slug}"

    def calendar(self, campaign: str) -> str:
        return f"{self.base}/agenda/{campaign}.ics"

    def privacy(self) -> str:
        return f"{self.base}/privacy"


def _about(service_id: int | None) -> bytes:
    return f"{service_id or NOBODY}:".encode()


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


@lru_cache(maxsize=8)
def _begun(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def keyed(key: bytes, data: bytes) -> bytes:
    """Return HMAC-SHA256; each mail has four, and to begin with a key costs more than all the rest."""
    mac = _begun(key).copy()
    mac.update(data)
    return mac.digest()


def letters(data: bytes) -> str:
    """Write 16 or 20 bytes in base32, in small letters and unpadded; by pairs, since each mail has several."""
    places = _PLACES[len(data)]
    number = int.from_bytes(data) << (places[0] + 10 - len(data) * 8)
    return "".join([_PAIRS[number >> place & 1023] for place in places])[: -(-len(data) * 8 // 5)]


@lru_cache(maxsize=64)
def _of_address(address_hash: bytes) -> str:
    return letters(address_hash)


def _bytes(text: str) -> bytes | None:
    """Return 16 bytes from their 26 letters; None if it isn't how we write them."""
    try:
        data = base64.b32decode(text.upper() + "======")
    except ValueError:
        return None
    return data if len(data) == 16 and letters(data) == text else None


def new_code() -> str:
    """Return a random code of 57 bits."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def folded(local: str) -> str:
    """Return a local part without case, in NFC: folding takes characters apart (ǰ, ΐ), so it is composed twice."""
    if local.isascii():
        return local.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())


def normalised_address(address: str) -> str:
    """Return the form of an address that is hashed: local part folded, domain as lower-case A-label."""
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()
    return f"{folded(local)}@{domain.lower()}"


def hash_address(key: bytes, address: str) -> bytes:
    """Return the keyed hash (HMAC-SHA256, first 16 bytes) under which an address is suppressed and deduplicated."""
    return keyed(key, normalised_address(address).encode())[:16]
