"""Which requests came from one place, without keeping the place.

Scanners and proxies give themselves away by opening the links of many mails from one address. To see that, a hit
carries 16 bits of a hash of the address under a salt that is drawn at random, held in the memory of this process only
and thrown away after an hour. So nobody, we included, can turn the number back into an address or match two hours of
it, and each number stands for tens of thousands of addresses even for who had the salt: it isn't an identifier in the
sense of GDPR article 4(1). The price: what one place did on both sides of the hour, or through two web processes, isn't
seen together.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

NUMBERS = 1 << 16


class Sources:
    """Gives each place its number of this hour."""

    def __init__(self) -> None:
        self._hour = ""
        self._salt = b""

    def number(self, place: str, now: datetime) -> int:
        """Return 0 … 65,535 for a place (see `outreach.attempts.place_of`)."""
        hour = f"{now:%Y%m%d%H}"
        if hour != self._hour:
            self._hour, self._salt = hour, secrets.token_bytes(16)
        return int.from_bytes(hashlib.blake2b(place.encode(), key=self._salt, digest_size=2).digest())
