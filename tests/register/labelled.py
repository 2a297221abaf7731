# ruff: noqa: E501

"""A labelled set for the matching: an invented register, and companies as lists have them, each with its true number.

The dirt is what old lists have: forms of before 2019, abbreviations, accents lost, slips of the pen, words left out or
turned round, moved companies, old and commercial names. Hard cases on purpose: families of companies at one address
("Holding", "Immo"), namesakes in other towns, sole traders that no register of legal persons holds, and companies that
stopped while their sister goes on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from extract_words import HEADS, TAILS

from outreach.belgium.numbers import make_enterprise_number
from outreach.belgium.places import place_of, places_of

TRADES = [
    "Bouw", "Bouwwerken", "Algemene Bouwonderneming", "Schrijnwerkerij", "Transport", "Bakkerij", "Garage", "Tuinaanleg",
    "Elektro", "Elektriciteitswerken", "Dakwerken", "Metaalwerken", "Verpakking", "Drukkerij", "Logistics", "Consulting",
    "IT Solutions", "Slagerij", "Interieur", "Schilderwerken", "Vloerwerken", "Sanitair & Verwarming", "Accountancy",
    "Advies", "Meubelen", "Textiel", "Voeding", "Horeca", "Machinebouw", "Grondwerken", "Carrosserie", "Optiek", "Apotheek",
    "Reizen", "Events", "Projects", "Engineering", "Kunststoffen", "Houthandel", "Landbouwwerken", "Fietsen", "Zorg",
]  # fmt: skip
SISTERS = ["Holding", "Invest", "Immo", "Management", "Beheer", "Trading", "Services", "Groep"]
STEMS = "Alta Nova Vero Lumi Terra Aqua Mira Sola Delta Orbi Pano Axi Cleo Domi Equi Fori Gloxi Helio Inno Kine".split()  # noqa: SIM905
ENDS = "tech pack print care line plan form flex wood mat green soft clean bo max lux nex via".split()  # noqa: SIM905
SHORTER = {"Gebroeders": "Gebr.", "Algemene": "Alg.", "Bouwonderneming": "Bouwondern.", "Elektriciteitswerken": "Elektr.",
           "Metaalwerken": "Metaalw.", "Schrijnwerkerij": "Schrijnw.", "Transport": "Transp.", "Solutions": "Sol."}  # fmt: skip
FORMS = {"610": ("BV", "BVBA", "B.V.", "bvba", "B.V.B.A."), "014": ("NV", "N.V.", "nv"), "706": ("CV", "CVBA"),
         "017": ("VZW", "v.z.w.", "vzw"), "612": ("Comm.V", "GCV")}  # fmt: skip
MAIL = ["gmail.com", "telenet.be", "hotmail.com", "skynet.be", "outlook.be", "proximus.be"]


@dataclass(frozen=True)
class Labelled:
    """A company of a list: its columns, its domain, and the number it truly has (None: not in the register)."""

    name: str
    legal_form: str | None
    postcode: str | None
    domain: str
    number: str | None
    kind: str


def make(seed: int, entries: int, wanted: int) -> tuple[list[dict[str, Any]], list[Labelled]]:
    """Return the entries of the register, as columns, and the companies without number."""
    chance = random.Random(seed)
    postcodes = [f"{number}" for number in range(1000, 10_000) if places_of(f"{number}")]
    weights = [1 / (1 + place) ** 0.6 for place in range(len(postcodes))]
    chance.shuffle(postcodes)
    surnames = [head + tail for head in HEADS for tail in TAILS]
    chance.shuffle(surnames)
    often = [1 / (1 + place) ** 0.7 for place in range(len(surnames))]
    world = _World(chance, postcodes, weights, surnames, often)
    everybody: list[dict[str, Any]] = []
    while len(everybody) < entries + entries // 12:
        everybody += world.family()
    for place, each in enumerate(everybody):
        each["enterprise_number"] = make_enterprise_number(19_980_000 - 40 * entries % 9_000_000 + place)
    chance.shuffle(everybody)
    stopped, register = everybody[: entries // 12], everybody[entries // 12 :]
    told = [world.told(each, chance.random() < 0.09, stopped) for each in chance.choices(register, k=wanted)]
    return register, told


@dataclass
class _World:
    chance: random.Random
    postcodes: list[str]
    weights: list[float]
    surnames: list[str]
    often: list[float]

    def postcode(self) -> str:
        return self.chance.choices(self.postcodes, self.weights)[0]

    def surname(self) -> str:
        return self.chance.choices(self.surnames, self.often)[0]

    def family(self) -> list[dict[str, Any]]:
        """Return a company, or several that belong together, with one or another place."""
        pick, postcode = self.chance.random(), self.postcode()
        if pick < 0.62:
            surname, trade = self.surname(), self.chance.choice(TRADES)
            shapes = (f"{surname} {trade}", f"{trade} {surname}", f"{trade} {surname}", f"Gebroeders {surname}",
                      f"{surname} & Zonen", f"{trade} {self.first()} {surname}", f"{surname} - {self.surname()}")  # fmt: skip
            own = self.chance.choice(shapes)
        elif pick < 0.9:
            surname = self.chance.choice(STEMS) + self.chance.choice(ENDS)
            own = self.chance.choice((surname, f"{surname} {self.chance.choice(TRADES)}", f"{surname} Belgium"))
        else:
            surname = "".join(self.chance.choice("ABCDEFGHIKLMNOPRSTVW") for _ in range(3))
            own = f"{'.'.join(surname)}. {self.chance.choice(TRADES)}"
        found = [self.entry(own, postcode)]
        if self.chance.random() < 0.14:
            for sister in self.chance.sample(SISTERS, self.chance.choice((1, 1, 2, 3))):
                found.append(self.entry(f"{surname} {sister}", postcode))
        if self.chance.random() < 0.05:
            found.append(self.entry(own, self.postcode()))
        return found

    def first(self) -> str:
        return self.chance.choice(["Jan", "Luc", "Koen", "An", "Tom", "Bart", "Els", "Piet", "Wim", "Griet"])

    def entry(self, name: str, postcode: str) -> dict[str, Any]:
        place = place_of(postcode)
        assert place is not None
        form = self.chance.choices(list(FORMS), (70, 15, 4, 8, 3))[0]
        commercial = f"{self.chance.choice(('De', 'Het', 'Huis', 'Atelier'))} {self.chance.choice(STEMS)}{self.chance.choice(TAILS)}"
        return {
            "name": name,
            "juridical_form": form,
            "juridical_situation": "000",
            "commercial_names": commercial if self.chance.random() < 0.25 else None,
            "postcode": postcode,
            "municipality_nis": place.municipality_nis,
            "province_nis": place.province_nis,
            "establishment_provinces": place.province_nis,
            "establishments": 1,
            "nace_2025": "41000",
            "section_2025": "F",
            "rule_2025": "006-main-enterprise",
            "sector_version": 2025,
        }

    def told(self, entry: dict[str, Any], absent: bool, stopped: list[dict[str, Any]]) -> Labelled:
        """Return what a list has of an entry, or of a company that no register holds."""
        chance, kind, number = self.chance, "plain", entry["enterprise_number"]
        name, postcode, forms = entry["name"], entry["postcode"], FORMS[entry["juridical_form"]]
        if absent:
            number = None
            if chance.random() < 0.5:
                kind, entry = "stopped", chance.choice(stopped)
                name, postcode, forms = entry["name"], entry["postcode"], FORMS[entry["juridical_form"]]
            else:
                kind, forms = "sole trader", ("",)
                words = [word for word in name.split() if word[0].isupper()] or [name]
                name = f"{chance.choice(TRADES)} {words[-1] if chance.random() < 0.5 else self.surname()}"
        clean = name
        if number and entry["commercial_names"] and chance.random() < 0.25:
            name, kind = entry["commercial_names"], "commercial name"
        elif number and chance.random() < 0.05:
            kind = "old name"
            old = f"{chance.choice(TRADES)} {self.surname()}"
            name = old if chance.random() < 0.5 else f"{name} (vroeger {old})"
        name, kind = self.dirty(name, kind)
        if number and chance.random() < 0.1:
            postcode, kind = self.postcode(), f"{kind}, moved"
        elif chance.random() < 0.05:
            postcode = None
        return Labelled(
            self.with_form(name, chance.choice(forms)), self.form(forms), postcode, self.domain(clean), number, kind
        )

    def dirty(self, name: str, kind: str) -> tuple[str, str]:
        chance, words = self.chance, name.split()
        if chance.random() < 0.15:
            words = [SHORTER.get(word, word) for word in words]
        if len(words) > 1 and chance.random() < 0.08:
            words.reverse()
        if len(words) > 2 and chance.random() < 0.06:
            words.pop(chance.randrange(len(words)))
        if chance.random() < 0.1:
            words = [{"&": "en", "Zonen": "Zn"}.get(word, word) for word in words]
        if chance.random() < 0.12:
            at = max(range(len(words)), key=lambda place: len(words[place]))
            words[at], kind = self.slip(words[at]), f"{kind}, slip"
        text = " ".join(words)
        if chance.random() < 0.05:
            text = text.replace(" ", "", 1)
        if chance.random() < 0.05:
            text = text.replace("e", "é", 1)
        return (text.upper() if chance.random() < 0.2 else text), kind

    def slip(self, word: str) -> str:
        if len(word) < 5:
            return word
        at = self.chance.randrange(1, len(word) - 2)
        return self.chance.choice((
            word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:],
            word[:at] + self.chance.choice("aeioulnrst") + word[at + 1 :],
        ))  # fmt: skip

    def with_form(self, name: str, form: str) -> str:
        pick = self.chance.random()
        return f"{name} {form}".strip() if pick < 0.55 else f"{form} {name}".strip() if pick < 0.6 else name

    def form(self, forms: tuple[str, ...]) -> str | None:
        return self.chance.choice(forms).lower() or None if self.chance.random() < 0.4 else None

    def domain(self, name: str) -> str:
        pick, whole = self.chance.random(), "".join(mark for mark in name.lower() if mark.isalnum())
        if pick < 0.4:
            return f"{whole if self.chance.random() < 0.7 else '-'.join(name.lower().split()).replace('.', '')}.example"
        return self.chance.choice(MAIL) if pick < 0.85 else f"{self.chance.choice(STEMS).lower()}mail.example"
