"""Web addresses of ours, the tokens in them, and the keyed hash of a mail address.

A token is `<id>.<MAC>` in one path segment: the MAC (HMAC-SHA256, 128 bits) covers purpose and id, so that a token of
one purpose opens nothing of another, and nobody can opt out, confirm or read in a stranger's name.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

import idna

MAC_BYTES = 16
# No vowels and no look-alikes: codes never spell a word and survive being read out on the phone.
CODE_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
CODE_LENGTH = 12
# No row has this id: the opt-out address of a test mail or preview works and opts nobody out.
NOBODY = 0


class Purpose(StrEnum):
    """What a token is for."""

    OPT_OUT = "opt-out"
    PREFERENCES = "preferences"
    LEAD = "lead"
    BOUNCE = "bounce"


@dataclass(frozen=True)
class Links:
    """Addresses under the public site's `base`, signed with `key`."""

    base: str
    key: bytes = field(repr=False)

    def token(self, purpose: Purpose, id: int) -> str:
        """Return the token for a row."""
        mac = base64.b32encode(self._mac(purpose, id)).decode().rstrip("=").lower()
        return f"{id}.{mac}"

    def read(self, purpose: Purpose, token: str) -> int | None:
        """Return the row's id, or None for a token we did not make."""
        number, _, mac = token.partition(".")
        if not (number.isascii() and number.isdigit() and len(number) <= 18 and mac.isascii()):
            return None
        expected = self.token(purpose, int(number))
        return int(number) if hmac.compare_digest(expected, f"{number}.{mac.lower()}") else None

    def _mac(self, purpose: Purpose, id: int) -> bytes:
        return hmac.digest(self.key, f"{purpose}:{id}".encode(), "sha256")[:MAC_BYTES]

    def opt_out(self, delivery_id: int) -> str:
        return f"{self.base}/u/{self.token(Purpose.OPT_OUT, delivery_id)}"

    def preferences(self, delivery_id: int) -> str:
        """Return the page on which the recipient of a mail chooses topics and frequency."""
        return f"{self.base}/voorkeuren/{self.token(Purpose.PREFERENCES, delivery_id)}"

    def preferences_by_mail(self) -> str:
        """Return the page that mails the person's own link to whoever types the address."""
        return f"{self.base}/voorkeuren"

    def lead(self, lead_id: int) -> str:
        return f"{self.base}/lead/{self.token(Purpose.LEAD, lead_id)}"

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
    return hmac.digest(key, normalised_address(address).encode(), "sha256")[:16]
