"""What people type for what the catalogue calls otherwise: Flemish and everyday words for each category."""

from __future__ import annotations

from collections.abc import Mapping

# Category → other words for that work.
SAID_TOO: Mapping[str, str] = {
    "packaging": "inpakken ompakken verpakking etiketteren labelen sealen blister displays",
    "assembly": "monteren samenbouwen assembleren ineensteken",
    "electro_assembly": "elektronica bekabeling kabelbomen printplaten solderen schakelkasten",
    "metal": "metaal lassen plooien draaien frezen staal",
    "wood": "hout pallets paletten kisten schrijnwerk meubels timmerwerk",
    "plastics": "plastic spuitgieten",
    "printing": "drukkerij drukken folders brochures boekbinden plooien copycenter",
    "fulfilment": "webshop verzending verzenden orderpicking postzending mailings pakjes",
    "cleanroom": "steriel medisch farmaceutisch",
    "food": "voedingswaren etenswaren",
    "green": "tuin tuinen tuinaanleg tuinonderhoud grasmaaien gazon snoeien hagen maaien bos natuur groendienst",
    "enclave": "ter plaatse op de werkvloer team",
    "cleaning": "poetsen poets kuisen kuis schoonmaken reinigen reiniging ramen",
    "renovation": "schilderen schilder verven klussen klusdienst behangen renoveren",
    "laundry": "strijken strijkdienst strijkatelier wassen was linnen werkkledij",
    "catering": "restaurant broodjes lunch traiteur keuken eten",
    "logistics": "opslag stockage transport vervoer magazijnier koerier verhuizen",
    "recycling": "kringwinkel afval hergebruik sorteren demonteren tweedehands",
    "bicycles": "fiets fietsen fietsenmaker herstelling",
    "textile": "naaien stikken naaiatelier kledij stof borduren",
    "digitising": "scan scannen archief archivering digitaal",
    "energy": "isolatie isoleren energie besparing energiescan",
    "gifts": "geschenken cadeau cadeaus geschenkpakket eindejaar",
}

# Words that say nothing about a service, folded; dropped where others are left.
UNSAID = frozenset(
    """
    aan als bij dat de die dit door een en er het hun iemand ik in is maar mijn met naar of om onder ons onze op over te
    tegen tot uit van voor we wie wij zoek zoeken
    """.split()  # noqa: SIM905
)
