"""Which column of a file is which field, by headers in Dutch, English and French; and the texts in their cells."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from collections.abc import Mapping as Pairs
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from outreach.audience.filefaults import FileFault

IGNORE = "ignore"


class Field(StrEnum):
    """What a column of a contact list can hold."""

    ENTERPRISE_NUMBER = "enterprise_number"
    ESTABLISHMENT_NUMBER = "establishment_number"
    COMPANY_NAME = "company_name"
    LEGAL_FORM = "legal_form"
    POSTCODE = "postcode"
    MUNICIPALITY = "municipality"
    COUNTRY = "country"
    ESTABLISHMENT_POSTCODE = "establishment_postcode"
    NACE = "nace"
    NACE_2008 = "nace_2008"
    NACE_2025 = "nace_2025"
    NACE_VERSION = "nace_version"
    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    FULL_NAME = "full_name"
    FUNCTION = "function"
    LEGAL_BASIS = "legal_basis"
    BASIS_SOURCE = "basis_source"
    BASIS_DATE = "basis_date"
    TEXT_VERSION = "text_version"
    TAGS = "tags"
    TOPICS = "topics"


# Compared without case, accents, spaces and signs, so `E-mail adres:` and `e_mailadres` are one header.
HEADERS: dict[Field, str] = {
    Field.ENTERPRISE_NUMBER: """
        ondernemingsnummer; ondernemingsnr; ond. nr; ondern. nr; onderneming nr; ondernemings nummer; KBO-nummer;
        KBO nr; KBO; KBO/BTW;
        BTW-nummer; BTW nr; BTW; BTW/KBO; BTW-nr klant; VAT number; VAT; VAT no; VAT nr; VAT ID; tax ID; company
        number; company registration number; enterprise number; enterprise no; registration number; CBE number; CBE;
        BCE; numéro BCE; numéro d'entreprise; n° d'entreprise; no entreprise; numéro entreprise; numéro de TVA; n°
        TVA; no TVA; TVA; RPR
    """,
    Field.ESTABLISHMENT_NUMBER: """
        vestigingsnummer; vestigingsnr; vestigingseenheid; vestigingseenheidsnummer; VE-nummer; establishment
        number; establishment unit number; establishment no; numéro d'établissement; n° d'établissement; numéro
        d'unité d'établissement
    """,
    Field.COMPANY_NAME: """
        bedrijf; bedrijfsnaam; bedrijfs naam; naam bedrijf; naam van het bedrijf; firma; firmanaam; naam firma;
        organisatie; organisatienaam; naam organisatie; onderneming; ondernemingsnaam; naam onderneming; naam van de
        onderneming; vennootschap; vennootschapsnaam; maatschappelijke naam; maatschappelijke benaming; benaming;
        handelsnaam; klantnaam; naam klant; company; company name; name of company; organisation; organization;
        organisation name; organization name; account; account name; business; business name; employer; customer
        name; parent name; related company; société; nom de la société; nom société; entreprise; nom de
        l'entreprise; nom entreprise; dénomination; dénomination sociale; raison sociale; organisme
    """,
    Field.LEGAL_FORM: """
        rechtsvorm; juridische vorm; vennootschapsvorm; type onderneming; ondernemingsvorm; legal form; company
        type; business type; forme juridique; forme légale
    """,
    Field.POSTCODE: """
        postcode; post code; postnummer; postnr; PC; zip; zip code; zipcode; postal code; code postal; CP; postcode
        bedrijf; postcode zetel; bedrijf postcode; business postal code; company postcode; company zip; postcode
        werk; billing zip; postcode (werk)
    """,
    Field.MUNICIPALITY: """
        gemeente; plaats; stad; woonplaats; plaatsnaam; stad/gemeente; gemeente bedrijf; municipality; city; town;
        business city; company city; plaats (werk); commune; ville; localité
    """,
    Field.COUNTRY: """
        land; landcode; land bedrijf; bedrijf land; land zetel; land (werk); country; country code; company country;
        business country; billing country; pays; code pays
    """,
    Field.ESTABLISHMENT_POSTCODE: """
        postcode vestiging; vestiging postcode; postcode vestigingseenheid; vestigingspostcode; establishment
        postcode; establishment postal code; establishment zip; branch postcode; code postal établissement; code
        postal de l'établissement
    """,
    Field.NACE: """
        NACE; NACE-code; NACEBEL; NACE-BEL; NACE-BEL code; nacebelcode; sector; sectorcode; sectie; bedrijfssector;
        sector code; activiteit; activiteitscode; hoofdactiviteit; branche; industry; industry code; activity; main
        activity; activity code; secteur; secteur d'activité; code NACE; activité; activité principale
    """,
    Field.NACE_2008: """
        NACE 2008; NACE-BEL 2008; NACE-code 2008; NACE 2008 code; nacebelcode 2008; code NACE 2008; sector 2008;
        NACE Rev. 2; NACE-BEL code 2008
    """,
    Field.NACE_2025: """
        NACE 2025; NACE-BEL 2025; NACE-code 2025; NACE 2025 code; nacebelcode 2025; code NACE 2025; sector 2025;
        NACE Rev. 2.1; NACE-BEL code 2025
    """,
    Field.NACE_VERSION: """
        NACE-versie; versie NACE; NACE versie; NACE version; NACE-BEL versie; NACE-BEL version; version NACE; versie
        NACE-BEL; sector versie
    """,
    Field.EMAIL: """
        e-mail; email; e-mailadres; e-mail adres; emailadres; mail; mailadres; mail adres; e-mail address; email
        address; mail address; e-mailadres werk; e-mail (werk); e-mail 1; e-mail 1 address; e-mailadres 1; e-mail 1
        - value; contact email; contact e-mail; e-mail contact; e-mail contactpersoon; e-mailadres contactpersoon;
        work email; primary email; adresse e-mail; adresse email; adresse mail; courriel; adresse électronique;
        adresse de courriel; mél
    """,
    Field.FIRST_NAME: """
        voornaam; voornaam contact; voornaam contactpersoon; contact voornaam; roepnaam; first name; firstname;
        given name; forename; contact first name; prénom; prénom contact; fname
    """,
    Field.LAST_NAME: """
        achternaam; familienaam; naam contact achternaam; achternaam contact; familienaam contact; achternaam
        contactpersoon; familienaam contactpersoon; contact achternaam; last name; lastname; surname; family name;
        contact last name; nom de famille; lname
    """,
    Field.FULL_NAME: """
        contactpersoon; naam contactpersoon; naam contact; contact; volledige naam; voor- en achternaam; voornaam en
        naam; naam en voornaam; voornaam en achternaam; contact person; contact name; full name; fullname; display
        name; weergavenaam; personne de contact; nom complet; nom et prénom; prénom et nom; attendee
    """,
    Field.FUNCTION: """
        functie; functietitel; functie contactpersoon; functie contact; rol; job title; jobtitle; job; position; job
        position; function; role; functieomschrijving; fonction; titre du poste; fonction contact
    """,
    Field.LEGAL_BASIS: """
        rechtsgrond; grondslag; wettelijke basis; juridische grondslag; rechtsgrondslag; basis; rechtsbasis; legal
        basis; lawful basis; legal ground; base légale; base juridique; fondement juridique
    """,
    Field.BASIS_SOURCE: """
        bron; herkomst; bron toestemming; bron van toestemming; bron adres; bron rechtsgrond; source; source of
        consent; consent source; basis source; origin; opt-in source; lead source; origine; provenance; source du
        consentement
    """,
    Field.BASIS_DATE: """
        datum toestemming; toestemming op; toestemmingsdatum; datum van toestemming; datum opt-in; opt-in datum;
        datum rechtsgrond; datum grondslag; inschrijfdatum; datum inschrijving; ingeschreven op; verkregen op;
        consent date; date of consent; consent on; consented on; consent given on; opt-in date; opt-in time; optin
        time; subscribed on; subscription date; basis date; obtained on; date de consentement; date du consentement;
        date d'inscription
    """,
    Field.TEXT_VERSION: """
        tekstversie; versie tekst; versie toestemmingstekst; toestemmingstekst; text version; consent text; consent
        text version; version du texte
    """,
    Field.TAGS: """
        tags; tag; labels; label; categorieën; categorie; categories; category; trefwoorden; étiquettes; mots-clés;
        groepen; groep; groups; group
    """,
    Field.TOPICS: """
        thema's; thema; onderwerpen; onderwerp; interesses; interesse; topics; topic; interests; interest; thèmes;
        thème; sujets; centres d'intérêt
    """,
}

_NAME_ALONE = frozenset(("naam", "name", "nom"))


@dataclass(frozen=True)
class Mapping:
    """Where each field stands in a row, and the headers that stand for none."""

    fields: dict[Field, int]
    unknown: list[str]


def fold_header(header: str) -> str:
    """Reduce a header to its letters and digits, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", header).casefold()
    return "".join(char for char in decomposed if char.isalnum())


def field_of(header: str) -> Field | None:
    """Return the field that a header stands for, by its synonyms or by the field's own name."""
    return _FIELDS.get(fold_header(header))


def is_header(cells: list[str]) -> bool:
    """Tell whether a row is a header row: at least two known headers, or an e-mail header alone."""
    known = [cell for cell in cells if field_of(cell) or fold_header(cell) in _NAME_ALONE]
    return len(known) >= 2 or (
        len(known) == 1 and field_of(known[0]) is Field.EMAIL and len(list(filter(None, cells))) == 1
    )


def parse_overrides(texts: Iterable[str]) -> dict[str, str]:
    """Return header → field from texts such as `Kolom=email`; raise `FileFault` where there is no `=`."""
    overrides = {}
    for text in texts:
        header, equals, field = text.rpartition("=")
        if not equals or not header.strip():
            raise FileFault(f"--map {text!r} is not understood", "Write it as --map 'Header=field'")
        overrides[header.strip()] = field.strip()
    return overrides


def map_headers(
    headers: list[str], overrides: Pairs[str, str], *, path: Path | None = None, line: int | None = None
) -> Mapping:
    """Return which column is which field; raise `FileFault` for a double, unknown or missing one.

    `overrides` gives headers their field, or `ignore`; a column that is known by its header makes way for them.
    """
    chosen = _overridden(headers, overrides, path)
    claimed = {field for field in chosen.values() if field}
    taken: dict[Field, int] = {field: index for index, field in chosen.items() if field}
    for index, header in enumerate(headers):
        field = None if index in chosen else field_of(header)
        if field is None or field in claimed:
            continue
        if field in taken:
            what = f"the headers {headers[taken[field]]!r} and {header!r} both mean {field.value}"
            raise FileFault(what, f"Say --map '{header}={IGNORE}' for the one to leave out", path=path, line=line)
        taken[field] = index
    _place_name_alone(headers, taken, chosen)
    _check_required(headers, taken, path, line)
    used = set(taken.values()) | set(chosen)
    return Mapping(taken, [header for index, header in enumerate(headers) if header and index not in used])


def _overridden(headers: list[str], overrides: Pairs[str, str], path: Path | None) -> dict[int, Field | None]:
    """Return the column → field that `overrides` asks for; None for a column to ignore."""
    chosen: dict[int, Field | None] = {}
    for header, name in overrides.items():
        index = _find_header(headers, header)
        if index is None:
            raise FileFault(f"--map names the header {header!r}, which is not there", _listed(headers), path=path)
        if name != IGNORE and name not in set(Field):
            known = ", ".join([*(field.value for field in Field), IGNORE])
            raise FileFault(f"--map '{header}={name}' names no field", f"The fields are: {known}", path=path)
        field = None if name == IGNORE else Field(name)
        if field and field in chosen.values():
            raise FileFault(f"--map gives {name} to two headers", "Leave one out", path=path)
        chosen[index] = field
    return chosen


def _find_header(headers: list[str], wanted: str) -> int | None:
    if wanted in headers:
        return headers.index(wanted)
    folded = fold_header(wanted)
    found = [index for index, header in enumerate(headers) if folded and fold_header(header) == folded]
    return found[0] if len(found) == 1 else None


def _place_name_alone(headers: list[str], taken: dict[Field, int], chosen: dict[int, Field | None]) -> None:
    """Decide what `naam` means: beside `voornaam` a last name, beside a company a person, else the company."""
    for index, header in enumerate(headers):
        if fold_header(header) not in _NAME_ALONE or index in chosen:
            continue
        if Field.COMPANY_NAME in taken:
            field = Field.LAST_NAME if Field.FIRST_NAME in taken else Field.FULL_NAME
        elif Field.FIRST_NAME in taken and Field.LAST_NAME not in taken and Field.ENTERPRISE_NUMBER in taken:
            field = Field.LAST_NAME
        else:
            field = Field.COMPANY_NAME
        if field not in taken and not (field is Field.FULL_NAME and Field.LAST_NAME in taken):
            taken[field] = index


def _check_required(headers: list[str], taken: dict[Field, int], path: Path | None, line: int | None) -> None:
    missing: list[tuple[str, tuple[Field, ...]]] = []
    if Field.EMAIL not in taken:
        missing.append(("email", (Field.EMAIL,)))
    if Field.ENTERPRISE_NUMBER not in taken and Field.COMPANY_NAME not in taken:
        missing.append(("enterprise_number or company_name", (Field.ENTERPRISE_NUMBER, Field.COMPANY_NAME)))
    if not missing:
        return
    names = " and for ".join(name for name, _ in missing)
    way_out = [_listed(headers)]
    for _, fields in missing:
        if near := _near_miss(headers, fields, set(taken.values())):
            way_out.append(f"Perhaps --map '{near[0]}={near[1].value}'")
        else:
            way_out.append(f"If one of them is, say which: --map 'HEADER={fields[-1].value}'")
    raise FileFault(f"there is no column for {names}", ". ".join(way_out), path=path, line=line)


def _near_miss(headers: list[str], fields: tuple[Field, ...], used: set[int]) -> tuple[str, Field] | None:
    known = {folded: field for folded, field in _FIELDS.items() if field in fields}
    free = {fold_header(header): header for index, header in enumerate(headers) if index not in used}
    for folded, header in free.items():
        if near := difflib.get_close_matches(folded, known, n=1, cutoff=0.78):
            return header, known[near[0]]
        if inside := [name for name in known if len(name) > 3 and name in folded]:
            return header, known[inside[0]]
    return None


def _listed(headers: list[str]) -> str:
    return f"The headers are: {', '.join(repr(header) for header in headers if header)}"


def _index() -> dict[str, Field]:
    index: dict[str, Field] = {}
    for field, synonyms in HEADERS.items():
        for name in (field.value, *synonyms.split(";")):
            if index.setdefault(fold_header(name), field) is not field:
                raise ValueError(f"the header {name!r} stands for two fields")
    return index


_FIELDS = _index()
