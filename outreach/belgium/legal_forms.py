"""Legal forms: what people write → one short form, and whether it is a legal person and a regular company.

`legal_person` decides whether an impersonal address may be mailed without consent (Royal Decree 4 April 2003), so only
a form that surely has legal personality says True. Codes are those of the KBO (JuridicalForm), where sure.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class LegalForm:
    """A legal form; `legal_person` is None where that depends, `regular` False for public bodies and co-owners."""

    short: str
    name_nl: str
    legal_person: bool | None
    regular: bool
    codes: tuple[str, ...]
    spellings: tuple[str, ...]


# short form | Dutch name | legal person | regular company | KBO codes | other spellings, separated by semicolons
_TABLE = """
bv | besloten vennootschap | yes | yes | 610 | srl; société à responsabilité limitée; limited liability company; private limited company; BV/SRL
nv | naamloze vennootschap | yes | yes | 014 214 514 | sa; société anonyme; public limited company; NV/SA
cv | coöperatieve vennootschap | yes | yes | 706 016 | sc; scrl-sc; société coopérative; cooperative company; CV/SC
cv erkend als sociale onderneming | coöperatieve vennootschap erkend als sociale onderneming | yes | yes | | cv so; cvso; cv erkend als so; cves; sces
comm.v | commanditaire vennootschap | yes | yes | 612 | commv; comm v; scomm; société en commandite; limited partnership
vof | vennootschap onder firma | yes | yes | 011 211 511 | v.o.f.; snc; société en nom collectif; general partnership
bvba | besloten vennootschap met beperkte aansprakelijkheid | yes | yes | 015 215 515 | sprl; société privée à responsabilité limitée; private company with limited liability
ebvba | eenpersoons besloten vennootschap met beperkte aansprakelijkheid | yes | yes | 010 510 | sprlu; eenpersoons bvba; eenmans besloten vennootschap met beperkte aansprakelijkheid; starters-bvba; s-bvba; sprl-s; société privée à responsabilité limitée unipersonnelle
cvba | coöperatieve vennootschap met beperkte aansprakelijkheid | yes | yes | 008 009 208 508 | scrl; société coopérative à responsabilité limitée; cvba so; cvba-so; cvba met sociaal oogmerk; scrl fs; scrlfs
cvoa | coöperatieve vennootschap met onbeperkte aansprakelijkheid | yes | yes | 006 206 506 | scri; scris; société coopérative à responsabilité illimitée
gcv | gewone commanditaire vennootschap | yes | yes | 012 212 512 | gewone comm.v; scs; société en commandite simple; ordinary limited partnership
comm.va | commanditaire vennootschap op aandelen | yes | yes | 013 213 513 | commva; sca; société en commandite par actions; partnership limited by shares
lv | landbouwvennootschap | yes | yes | 025 225 | société agricole; agricultural company; landbouwonderneming lv
se | Europese vennootschap | yes | yes | 027 | societas europaea; société européenne; european company
sce | Europese coöperatieve vennootschap | yes | yes | 001 | société coopérative européenne; european cooperative society
esv | economisch samenwerkingsverband | yes | yes | 060 560 | gie; groupement d'intérêt économique; economic interest grouping
eesv | Europees economisch samenwerkingsverband | yes | yes | 065 265 | geie; groupement européen d'intérêt économique; european economic interest grouping; eeig
vzw | vereniging zonder winstoogmerk | yes | yes | 017 | asbl; v.z.w.; association sans but lucratif; non-profit organization; non-profit organisation; vzw/asbl
ivzw | internationale vereniging zonder winstoogmerk | yes | yes | 125 | aisbl; association internationale sans but lucratif; inpa
private stichting | private stichting | yes | yes | 026 | fondation privée; private foundation; ps
stichting van openbaar nut | stichting van openbaar nut | yes | yes | 029 018 | son; fondation d'utilité publique; public utility foundation; instelling van openbaar nut
stichting | stichting | yes | yes | | fondation; foundation
beroepsvereniging | beroepsvereniging | yes | yes | 020 | union professionnelle; professional union
mutualiteit | mutualiteit | yes | yes | 019 | ziekenfonds; mutualité; mutual benefit company
onderlinge verzekeringsvereniging | onderlinge verzekeringsvereniging | yes | yes | 021 | onderlinge verzekeringsmaatschappij; société d'assurance mutuelle; mutual insurance company
pensioenfonds | organisme voor de financiering van pensioenen | yes | yes | 002 | ofp; organisme de financement de pensions
eenmanszaak | eenmanszaak | no | yes | | natuurlijk persoon; natuurlijke persoon; zelfstandige; eenmanszaak natuurlijk persoon; entreprise individuelle; personne physique; indépendant; sole trader; sole proprietorship; self-employed; natural person; ez
maatschap | maatschap | no | yes | | société simple; burgerlijke maatschap; simple partnership; stille maatschap
feitelijke vereniging | feitelijke vereniging | no | yes | | fv; association de fait; de facto association; vereniging zonder rechtspersoonlijkheid
buitenlandse onderneming | buitenlandse onderneming | unknown | yes | 030 235 | buitenlandse entiteit; entreprise étrangère; foreign company; foreign entity; gmbh; ltd; limited; sarl; sas; inc; ag; llc; plc; s.à r.l.
vme | vereniging van mede-eigenaars | yes | no | 070 | mede-eigendom; vereniging van medeëigenaars; association des copropriétaires; acp; association of co-owners
nv van publiek recht | naamloze vennootschap van publiek recht | yes | no | 114 614 | sa de droit public; société anonyme de droit public; naamloze vennootschap, van publiek recht; public limited company governed by public law
gemeente | gemeente | yes | no | 411 | stad; stad/gemeente; gemeentebestuur; stadsbestuur; commune; ville; municipality; city; lokaal bestuur
ocmw | openbaar centrum voor maatschappelijk welzijn | yes | no | 412 | cpas; centre public d'action sociale
ocmw-vereniging | vereniging van openbare centra voor maatschappelijk welzijn | yes | no | 420 | welzijnsvereniging; association de centres publics d'aide sociale
polder of watering | polder of watering | yes | no | 129 | polder; watering; wateringue
intercommunale | intercommunale | yes | no | 414 | intercommunale vereniging
projectvereniging | projectvereniging | yes | no | 415 | association de projet
dienstverlenende vereniging | dienstverlenende vereniging | yes | no | 416 | association prestataire de services; dienstverlenende vereniging of stichting, vlaams gewest
opdrachthoudende vereniging | opdrachthoudende vereniging | yes | no | 417 | association chargée de mission; opdrachthoudende vereniging of stichting, vlaams gewest
autonoom gemeentebedrijf | autonoom gemeentebedrijf | yes | no | 418 | agb; régie communale autonome
autonoom provinciebedrijf | autonoom provinciebedrijf | yes | no | 419 | apb; régie provinciale autonome
politiezone | politiezone | yes | no | | zone de police; lokale politie; police zone
hulpverleningszone | hulpverleningszone | yes | no | | brandweerzone; zone de secours
provincie | provincie | yes | no | | provinciebestuur; province
kerkfabriek | kerkfabriek | yes | no | | fabrique d'église
openbare instelling | openbare instelling | yes | no | 124 | établissement public; public establishment; public body; agentschap; ministerie; overheidsdienst; federale overheidsdienst; fod; vlaamse overheid
overheid | overheid van gewest of gemeenschap | yes | no | 310 320 330 340 350 | overheden van het vlaams gewest en vlaamse gemeenschap
"""  # noqa: E501

# Dots and joiners say nothing: "B.V.", "bv.", "b.v.b.a." and "comm. v." are the same words.
_NOISE = re.compile(r"[^0-9a-z]+")


def legal_form(text: str) -> LegalForm | None:
    """Return the legal form that an abbreviation, name (Dutch, French, English) or KBO code stands for, or None."""
    return _index().get(_fold(text))


def legal_forms() -> tuple[LegalForm, ...]:
    """Return every legal form of the table."""
    return _forms()


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return _NOISE.sub("", decomposed)


@cache
def _forms() -> tuple[LegalForm, ...]:
    persons = {"yes": True, "no": False, "unknown": None}
    forms = []
    for line in _TABLE.strip().splitlines():
        short, name, person, regular, codes, spellings = (cell.strip() for cell in line.split("|"))
        others = tuple(spelling.strip() for spelling in spellings.split(";") if spelling.strip())
        forms.append(LegalForm(short, name, persons[person], regular == "yes", tuple(codes.split()), others))
    return tuple(forms)


@cache
def _index() -> dict[str, LegalForm]:
    index: dict[str, LegalForm] = {}
    for form in _forms():
        for spelling in (form.short, form.name_nl, *form.spellings, *form.codes):
            if index.setdefault(_fold(spelling), form) is not form:
                raise ValueError(f"{spelling!r} stands for both {index[_fold(spelling)].short!r} and {form.short!r}")
    return index
