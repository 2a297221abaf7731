"""Which addresses are impersonal: they belong to a company and to no person in it.

Royal Decree 4 April 2003 allows mail without consent to legal persons at impersonal addresses only. So an address is
`role` only if every part of it is known to be impersonal; whatever is unknown counts as personal. Left out on purpose:
functions of one person (ceo, zaakvoerder, directeur) and boxes that no campaign should reach (postmaster, abuse).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final, Literal

from outreach.belgium.places import PROVINCES, municipality_names

Kind = Literal["role", "personal"]


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


ROLE_WORDS: Final = _split(
    """
    info infos information informatie inlichtingen contact contacts contacteer contacteerons contactus
    mail email e-mail post mailbox inbox algemeen general generaal hello hallo hey hi bonjour welkom welcome bienvenue
    office kantoor bureau kantoren bureel secretariaat secretariat secretary-office onthaal accueil receptie reception
    balie frontdesk frontoffice backoffice helpdesk desk servicedesk support ondersteuning service services dienst
    diensten sav klantendienst klantenservice customerservice customercare serviceclient care klanten clients
    sales verkoop verkoopdienst vente ventes commercial commercieel salessupport binnendienst buitendienst
    aankoop aankoopdienst aankopen inkoop achat achats purchase purchasing procurement leveranciers suppliers
    offerte offertes devis quote quotes aanvraag aanvragen bestelling bestellingen bestel order orders orderdesk
    commande commandes
    boekhouding accounting accountancy accounts comptabilite compta finance financieel finances financien financial
    facturen factuur facturatie facturation factures facture invoice invoices invoicing billing administratie
    administration admin adm debiteuren crediteuren betalingen
    hr hrm personeel personeelsdienst rh humanresources jobs job vacatures vacature sollicitatie sollicitaties
    recruitment recrutement careers werkenbij rekrutering talent
    directie direction management directiesecretariaat bestuur zaakvoering
    marketing communicatie communication communications com comm pers press presse media pr event events evenementen
    nieuws nieuwsbrief news newsletter redactie
    planning planningdienst logistiek logistics logistique magazijn warehouse entrepot depot transport dispatch
    dispatching expeditie expedition levering leveringen productie production atelier werkplaats workshop fabriek
    kwaliteit quality qualite milieu veiligheid preventie safety onderhoud maintenance techniek technisch technical
    technique technics techniekdienst studiedienst studiebureau projecten projects projets project
    it ict informatica software web website webshop shop winkel store magasin boutique eshop online
    reservatie reservaties reservations reservation reserveren booking bookings boekingen verhuur rental
    team ploeg bedrijf firma company groep group groupe hq hoofdkantoor zetel
    export import international praktijk garage showroom keuken restaurant hotel slagerij bakkerij apotheek
    school vzw bvba bv nv
    """
)

# What may stand beside a role word without naming a person: languages, countries, regions.
_QUALIFIERS: Final = _split(
    """
    be bel belgie belgium belgique benelux nl fr en de lux eu europe vl vlaanderen flanders wal wallonie bxl bru brussel
    bruxelles brussels noord zuid oost west centrum nord sud est ouest b2b b2c our ons us the and en et van of
    """
)

FREE_MAIL_DOMAINS: Final = _split(
    """
    gmail.com googlemail.com hotmail.com hotmail.be hotmail.fr hotmail.nl outlook.com outlook.be live.be live.com
    live.nl live.fr msn.com yahoo.com ymail.com rocketmail.com icloud.com me.com mac.com aol.com gmx.com gmx.net
    gmx.de gmx.fr web.de mail.com mail.be mail.ru zoho.com proton.me protonmail.com protonmail.ch pm.me tutanota.com
    tutanota.de tuta.io tuta.com fastmail.com fastmail.fm hushmail.com
    telenet.be skynet.be proximus.be belgacom.net scarlet.be voo.be orange.be orange.fr base.be edpnet.be dommel.be
    pandora.be tiscali.be tiscalinet.be versateladsl.be advalvas.be brutele.be euphonynet.be fulladsl.be online.be
    belgique.com numericable.be tvcablenet.be village.be chello.be compuserve.com planetinternet.be
    ziggo.nl kpnmail.nl kpnplanet.nl planet.nl hetnet.nl home.nl xs4all.nl casema.nl quicknet.nl upcmail.nl zonnet.nl
    wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr t-online.de freenet.de yandex.com yandex.ru qq.com 163.com
    """
)
# The same services under every top-level domain, such as hotmail.it and yahoo.co.uk.
_FREE_MAIL_FAMILY: Final = re.compile(r"(?:hotmail|outlook|live|yahoo|gmail|googlemail|gmx|msn)\.(?:com?\.)?[a-z]{2,}")
_SEPARATORS: Final = re.compile(r"[._\-]+")
_NUMBER: Final = re.compile(r"\d+$")


def kind_of(local: str, domain: str, first_name: str | None = None, last_name: str | None = None) -> Kind:
    """Tell whether an address is impersonal; `domain` as lower-case A-labels, the names those of its contact if known.

    Every word before the @-sign must be a role (info, verkoop), or stand beside one and be a number, a language or a
    Belgian municipality or province. A free-mail address is always personal; so is one with its contact's name in it.
    """
    words = _role_words(local)
    if not words or is_free_mail(domain):
        return "personal"
    if (first_name or last_name) and not words.isdisjoint(_name_words(first_name or "") | _name_words(last_name or "")):
        return "personal"
    return "role"


def is_free_mail(domain: str) -> bool:
    """Tell whether a domain gives addresses to private persons."""
    return domain in FREE_MAIL_DOMAINS or _FREE_MAIL_FAMILY.fullmatch(domain) is not None


@lru_cache(maxsize=20_000)
def _role_words(local: str) -> frozenset[str]:
    """Return the words of a role address, or none if a word is unknown or none is a role."""
    plain = _fold(local.lower().partition("+")[0])
    if plain in ROLE_WORDS:
        return frozenset((plain,))
    words = {_NUMBER.sub("", word) for word in _SEPARATORS.split(plain)} - {""}
    if words.isdisjoint(ROLE_WORDS):
        return frozenset()
    known = all(word in ROLE_WORDS or word in _QUALIFIERS or word in _places() for word in words)
    return frozenset(words) if known else frozenset()


@lru_cache(maxsize=4_000)
def _name_words(name: str) -> frozenset[str]:
    folded = _fold(name.lower())
    parts = re.split(r"[^a-z0-9]+", folded)
    return frozenset(part for part in (*parts, "".join(parts)) if part)


@cache
def _places() -> frozenset[str]:
    return municipality_names() | {province.slug.replace("-", "") for province in PROVINCES.values()}


def _fold(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
