"""Invented names: made of syllables, so that they belong to nobody, and always the same for the same seed."""

from __future__ import annotations

import random
import unicodedata

_FIRST = ("Bra", "Dor", "Fel", "Gru", "Hel", "Kes", "Lom", "Mer", "Nor", "Ost", "Pla", "Quin", "Ror", "Sel", "Tor")
_MIDDLE = ("ba", "del", "fan", "go", "kil", "lan", "mo", "na", "re", "si", "ta", "ve", "vor", "wil", "zo")
_LAST = ("daal", "dix", "gem", "kant", "lux", "mar", "nis", "rum", "stad", "tex", "tra", "vin", "wold", "xa", "zeel")
_GIVEN = (
    *("Ann", "Bart", "Carla", "Dirk", "Elke", "Fatima", "Geert", "Hilde", "Inès", "Joris", "Karel", "Lotte"),
    *("Mehmet", "Nele", "Olga", "Pieter", "Rik", "Sofie", "Tom", "Ursula", "Veerle", "Wim", "Yasmine", "Zoë"),
)
_TRADES = {
    "A": "Tuinbouw", "C": "Industrie", "D": "Energie", "E": "Milieu", "F": "Bouw", "G": "Handel", "H": "Transport",
    "I": "Horeca", "J": "Media", "K": "Software", "L": "Verzekeringen", "M": "Vastgoed", "N": "Advies", "O": "Diensten",
    "Q": "Opleiding", "R": "Zorg", "S": "Cultuur", "T": "Herstel",
}  # fmt: skip


class Names:
    """Gives out invented names, none of them twice."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same demo every time is the point
        self._given_out: set[str] = set()

    def word(self) -> str:
        """Return a name that wasn't given out yet."""
        while True:
            word = "".join(self.random.choice(part) for part in (_FIRST, _MIDDLE, _LAST))
            if self.random.random() < 0.3:
                word = word[:-3] + self.random.choice(_MIDDLE) + word[-3:]
            tripled = any(word[at] == word[at + 1] == word[at + 2] for at in range(len(word) - 2))
            if word not in self._given_out and not tripled:
                self._given_out.add(word)
                return word

    def company(self, section: str) -> str:
        return f"{_TRADES.get(section, 'Groep')} {self.word()}"

    def person(self) -> tuple[str, str]:
        """Return a first and a last name; the last is as invented as a company's."""
        return self.random.choice(_GIVEN), f"{self.random.choice(('Van ', 'De ', '', ''))}{self.word().capitalize()}"


def slug(text: str) -> str:
    """Return `text` as it stands in a domain or the local part of an address."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(mark if mark.isalnum() else "-" for mark in plain).strip("-").replace("--", "-")
