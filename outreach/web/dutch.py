"""What the domain tells in English sentences, in Dutch: findings, reasons, refusals and what was done to a campaign.

The domain speaks one language, and what it told is kept as it was told. A sentence that isn't known stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from babel.dates import format_datetime

from outreach.web.words import WORDS

# The sentence as the domain writes it, with a name where a value stands → the sentence in Dutch.
SENTENCES: Mapping[str, str] = {
    # what a campaign pauses for by itself
    "{count} of {tried} mails were refused: more than {limit} (limits.rejected)": (
        "{count} van de {tried} mails werden geweigerd: meer dan {limit}"
    ),
    "{count} of {tried} mails bounced: more than {limit} (limits.bounced)": (
        "{count} van de {tried} mails kwamen terug: meer dan {limit}"
    ),
    "{count} of {tried} mails brought a complaint: more than {limit} (limits.complained)": (
        "over {count} van de {tried} mails kwam een klacht: meer dan {limit}"
    ),
    "of its canary, {sentence}": "van de eerste mails: {sentence}",
    # what a campaign under way waits for
    "it is outside the hours in which it is sent": "het zijn nu niet de uren waarin ze verzonden wordt",
    "the relay has had all of its mail of today": "de mailserver heeft zijn mails van vandaag gehad",
    "the relay rests": "de mailserver neemt even niets aan",
    "the relay rests: {words}": "de mailserver neemt even niets aan: {words}",
    "its first {count} mails are out: what comes of them decides about the others": (
        "de eerste {count} mails zijn weg; wat daarvan terugkomt beslist over de andere"
    ),
    "its first {count} mails go before the others: {left} of them are to go": (
        "de eerste {count} mails gaan de andere voor; daarvan moeten er nog {left} vertrekken"
    ),
    "{tried} mails: {refused} refused, {bounced} bounced, {complained} complaints": (
        "{tried} mails: {refused} geweigerd, {bounced} teruggekomen, {complained} klachten"
    ),
    "{contacts} contacts, {mailable} to be mailed, 1 cohort; {first} go first": (
        "{contacts} contacten, waarvan {mailable} gemaild worden, in één groep; {first} gaan eerst"
    ),
    "{contacts} contacts, {mailable} to be mailed, {cohorts} cohorts; {first} go first": (
        "{contacts} contacten, waarvan {mailable} gemaild worden, in {cohorts} groepen; {first} gaan eerst"
    ),
    # what became of a message that came back
    "an answer: lead {id}": "een antwoord: contactmoment {id}",
    "an answer; which service is it about: {slugs}? (outreach inbox assign {id} …)": (
        "een antwoord; over welke dienst gaat het: {slugs}?"
    ),
    "somebody wrote, but not in answer to a mail of ours that can be named: {sentence}": (
        "iemand schreef, maar niet aantoonbaar als antwoord op een mail van ons: {sentence}"
    ),
    "it holds neither a token nor a Message-ID of ours, so anybody may have written it": (
        "niets erin bewijst dat het over een mail van ons gaat, dus iedereen kan het geschreven hebben"
    ),
    "not believed: {sentence}": "niet geloofd: {sentence}",
    "about no mail of ours that can be named: {sentence}": "over geen mail van ons die we kennen: {sentence}",
    "its token is that of delivery {id}, its Message-ID that of another": (
        "het noemt twee verschillende mails van ons, dus een van de twee klopt niet"
    ),
    "the mail left {days} days ago: no bounce comes that late, so this is an old one": (
        "de mail vertrok {days} dagen geleden: zo laat komt er niets meer terug, dit is dus een oude melding"
    ),
    "it answers a campaign, but nothing proves to whose mail: From alone is not believed": (
        "het antwoordt op een campagne, maar niets bewijst op wiens mail: een afzender alleen geloven we niet"
    ),
    "it asks to prove that a person wrote; only a person may do that": (
        "het vraagt te bewijzen dat een mens schreef; dat kan alleen een mens"
    ),
    "says that the address is now {address}; nothing was changed": (
        "zegt dat het adres nu {address} is; er is niets gewijzigd"
    ),
    "not understood": "niet begrepen",
    "could not be handled: {fault}": "kon niet verwerkt worden: {fault}",
    "bounced, {word}: the address is suppressed": "kwam terug ({word}): het adres is uitgesloten",
    "bounced soft, {word}": "kwam terug ({word}); het adres blijft",
    "bounced soft, {word}; {count} campaigns in a row: the address is suppressed": (
        "kwam terug ({word}), {count} campagnes na elkaar: het adres is uitgesloten"
    ),
    "turned away, {word}: it is about us": "geweigerd om wat men van ons denkt ({word})",
    "turned away, {word}: it is about us, and the campaign is paused": (
        "geweigerd om wat men van ons denkt ({word}); de campagne is gepauzeerd"
    ),
    "delayed: the mail may still arrive": "vertraagd: de mail kan nog aankomen",
    "complained, {word}: the address is suppressed": "klacht ({word}): het adres is uitgesloten",
    "asked to get no more: the address is suppressed, and the person is told once": (
        "vroeg geen mail meer: het adres is uitgesloten, en de persoon krijgt één bevestiging"
    ),
    "asked to get no more: suppressed": "vroeg geen mail meer: uitgesloten",
    "the new address was asked to confirm": "het nieuwe adres kreeg de vraag te bevestigen",
    "an automatic reply; it counts for nothing": "een automatisch antwoord; het telt nergens voor mee",
    "the mail arrived": "de mail kwam aan",
    "needs nothing": "er was niets te doen",
    "message {id} is {state}: only one that waits can be settled": "dit bericht wacht niet meer",
    "message {id} is {state} by {who}: only one that waits can be settled": (
        "dit bericht is al afgehandeld door {who}"
    ),
    # what a check finds
    "campaign '{name}' can't be sent as it is:": "campagne {name} kan zo niet verzonden worden:",
    "no time is set: add send_at, e.g. {example} (Brussels time)": (
        "er is nog geen verzendtijd: voeg send_at toe, bijvoorbeeld {example} (Belgische tijd)"
    ),
    "send_at {at} is past (it is {now}): write a later time": (
        "de verzendtijd {at} is voorbij (het is nu {now}): kies een latere"
    ),
    "outreach.toml: [sender] {name} is empty; the law wants it in every mail": (
        "outreach.toml: [sender] {name} is leeg; de wet wil het in elke mail"
    ),
    "site.url {url} works on this machine only: one-click opting out takes https://": (
        "site.url {url} werkt alleen op deze computer: uitschrijven met één klik vraagt https://"
    ),
    "site.url {url} works without TLS: one-click opting out takes https://": (
        "site.url {url} werkt zonder TLS: uitschrijven met één klik vraagt https://"
    ),
    "service '{slug}' isn't in the catalogue, or takes no customers now; did you mean {near}?": (
        "dienst {slug} staat niet in de catalogus of neemt nu geen klanten aan; bedoelde u {near}?"
    ),
    "service '{slug}' isn't in the catalogue, or takes no customers now": (
        "dienst {slug} staat niet in de catalogus of neemt nu geen klanten aan"
    ),
    "the segment holds nobody: `{command}` says why": "de doelgroep is leeg: `{command}` zegt waarom",
    "none of the {count} contacts of the segment may be mailed: {counts}": (
        "geen van de {count} contacten van de doelgroep mag gemaild worden: {counts}"
    ),
    "block '{block}': {some} of {all} cohorts get fewer than {count} services": (
        "blok {block}: {some} van de {all} groepen krijgen minder dan {count} diensten"
    ),
    "block '{block}': {some} of {all} cohorts get services outside their sector or province": (
        "blok {block}: {some} van de {all} groepen krijgen diensten buiten hun sector of provincie"
    ),
    "subject: the subject is empty; write one of 30 to 60 characters": (
        "onderwerp: het is leeg; schrijf er een van 30 tot 60 tekens"
    ),
    "subject: the subject has {count} characters; most programs show 40 to 70; shorten it to at most {limit}": (
        "onderwerp: het heeft {count} tekens en de meeste programma's tonen er 40 tot 70; hou het bij {limit}"
    ),
    "{place}: the HTML has {size} KB; Gmail cuts it off at about 102 KB, the way out included; "
    "leave out services or text, to under {limit} KB": (
        "{place}: de HTML is {size} KB groot en Gmail kapt af bij ongeveer 102 KB, ook de uitschrijflink; "
        "laat diensten of tekst weg, tot onder {limit} KB"
    ),
    "{place}: the picture '{source}' has no alt text; {rest}": (
        '{place}: de afbeelding {source} heeft geen alternatieve tekst; voeg alt="…" toe'
    ),
    "{place}: the picture '{source}' isn't shown: only its words '{said}' are; {rest}": (
        "{place}: de afbeelding {source} wordt niet getoond, alleen haar woorden '{said}'"
    ),
    "{place}: a link leads nowhere ('#'); give the whole address": (
        "{place}: een link leidt nergens heen ('#'); geef het volledige adres"
    ),
    "{place}: the link to '{address}' has no text; write where it leads": (
        "{place}: de link naar {address} heeft geen tekst; schrijf waar hij heen leidt"
    ),
    "{place}: the link '{said}' to '{address}' doesn't say where it leads; {rest}": (
        "{place}: de link '{said}' naar {address} zegt niet waar hij heen leidt; noem wat de lezer daar vindt"
    ),
    "{place} goes without encryption (http://); write https://": (
        "{place} gaat zonder versleuteling (http://); schrijf https://"
    ),
    "sender: the sender's {what} is empty; fill it in in the settings of the sender": (
        "afzender: {what} is leeg; vul het in bij de instellingen van de afzender"
    ),
    "{place}: the mail has {count} headings of the first level; put the title, and nothing else, in an h1": (
        "{place}: de mail heeft {count} koppen van het eerste niveau; zet alleen de titel in een h1"
    ),
    # what a check finds in a template (docs/checking.md); what it takes to mend it follows the semicolon
    "{place}: there is no MJML tag <{name}>{rest}": "{place}: MJML kent geen tag <{name}>",
    "{place}: <{name}> has no attribute '{attribute}'{rest}": "{place}: <{name}> kent geen attribuut {attribute}",
    "{place}: {attribute}='{value}' of <{name}> isn't what MJML takes; {rest}": (
        "{place}: {attribute}={value} van <{name}> is geen waarde die MJML aanneemt"
    ),
    "{place}: <{name}> lacks '{attribute}'; {rest}": "{place}: bij <{name}> ontbreekt {attribute}",
    "{place}: <{name}> can't stand straight in <{other}>; {rest}": (
        "{place}: <{name}> mag niet meteen in <{other}> staan"
    ),
    "{place}: <{name}> can't stand in <{other}>; {rest}": "{place}: <{name}> mag niet in <{other}> staan",
    "{place}: <{name}> can't stand in <{other}>, which holds words only; {rest}": (
        "{place}: <{name}> mag niet in <{other}> staan, want daarin horen alleen woorden"
    ),
    "{place}: a link can't stand in a link; {rest}": "{place}: een link mag niet in een link staan",
    "{place}: there is no HTML element <{name}>{rest}": "{place}: HTML kent geen element <{name}>",
    "{place}: HTML knows no attribute '{attribute}'{rest}": "{place}: HTML kent geen attribuut {attribute}",
    "{place}: <{name}> is never closed; {rest}": "{place}: <{name}> wordt nergens gesloten",
    "{place}: </{name}> closes nothing{rest}": "{place}: </{name}> sluit niets af",
    "{place}: a '<' that opens no tag; {rest}": "{place}: een '<' die geen tag opent; schrijf &lt;",
    "{place}: the attribute '{attribute}' stands twice in <{name}>; {rest}": (
        "{place}: het attribuut {attribute} staat twee keer in <{name}>"
    ),
    "{place}: <mjml> names no language; {rest}": "{place}: <mjml> noemt geen taal; schrijf lang=",
    "{place}: in the style of <{name}>: {fault}": "{place}: in de stijl van <{name}>: {fault}",
    "{place}: the alt text '{said}' {rest}": "{place}: de alternatieve tekst '{said}' zegt niet wat er te zien is",
    "{place}: {colour} on {ground} in the dark has a contrast of {ratio} ({said}); {rest}": (
        "{place}: {colour} op {ground} heeft in donkere weergave een contrast van maar {ratio} ({said})"
    ),
    "{place}: {colour} on {ground} has a contrast of {ratio} ({said}); {rest}": (
        "{place}: {colour} op {ground} heeft een contrast van maar {ratio} ({said})"
    ),
    "{place}: text of {size} px ({said}); {rest}": (
        "{place}: tekst van {size} px ({said}) is te klein; maak er 16 px van"
    ),
    "{place}: the link {said} is {size} px high, too low for a finger; {rest}": (
        "{place}: de link {said} is {size} px hoog, te laag voor een vinger; maak er 44 px van"
    ),
    "{place}: a heading of level {level} follows one of level {before}; {rest}": (
        "{place}: na een kop van niveau {before} komt er een van niveau {level}"
    ),
    "{place}: a heading is empty; {rest}": "{place}: een kop is leeg",
    "{place}: the mail says it is in '{said}', the campaign is in '{wanted}'; {rest}": (
        "{place}: de mail zegt dat hij in taal {said} is, de campagne is in {wanted}"
    ),
    "{place}: the mail says it is in '{said}' and reads like '{wanted}'; {rest}": (
        "{place}: de mail zegt dat hij in taal {said} is, maar leest als {wanted}"
    ),
    "{place}: the text part doesn't say {said}; write it in body.txt too": (
        "{place}: het tekstdeel zegt {said} niet; schrijf het ook in body.txt"
    ),
    "{place}: the link to {address} isn't in the text part{rest}": (
        "{place}: de link naar {address} staat niet in het tekstdeel; schrijf hem ook in body.txt"
    ),
    "{place}: {share} % of the words of the HTML aren't in the text part; {rest}": (
        "{place}: {share} % van de woorden van de HTML staat niet in het tekstdeel"
    ),
    "{place}: {feature} isn't known to {programs}; write something plain before it, {rest}": (
        "{place}: {feature} werkt niet in {programs}; zet er iets eenvoudigs voor"
    ),
    "{place}: {address} leads to a machine that readers can't reach; {rest}": (
        "{place}: {address} leidt naar een computer die lezers niet kunnen bereiken"
    ),
    "{place}: {address} has a space in it; {rest}": "{place}: in {address} staat een spatie",
    "{place}: {address} has a brace in it: a value that was never filled in?; {rest}": (
        "{place}: in {address} staat een accolade: een waarde die niet ingevuld werd?"
    ),
    "{place}: {address} begins with a broken https://; {rest}": "{place}: {address} begint met een kapotte https://",
    "{place}: the picture {source} is too small to be seen, as a tracking pixel is; {rest}": (
        "{place}: de afbeelding {source} is te klein om te zien, zoals een volgpixel; laat ze weg"
    ),
    "{place}: SpamAssassin's rule {name} gives {points} points: {rest}": (
        "{place}: de regel {name} van SpamAssassin geeft {points} punten"
    ),
    "{place}: cannot be read: {fault} (picture of service {slug})": (
        "{place}: kan niet gelezen worden: {fault} (afbeelding van dienst {slug})"
    ),
    # what was done to a campaign
    "was {word}": "was {word}",
    "was {word}; the approval is void": "was {word}; de goedkeuring is vervallen",
    "from {name}": "van {name}",
    "{count} contacts": "{count} contacten",
    "{count} contacts, at {login}": "{count} contacten, vanaf {login}",
    "at {login}": "vanaf {login}",
    "for {at}": "voor {at}",
    "{count} contacts, {mails} to be mailed, 1 cohort": (
        "{count} contacten, waarvan {mails} gemaild worden, in één groep"
    ),
    "{count} contacts, {mails} to be mailed, {cohorts} cohorts": (
        "{count} contacten, waarvan {mails} gemaild worden, in {cohorts} groepen"
    ),
    "{count} mails not sent": "{count} mails niet verzonden",
    "{count} uncertain mails: {word}": "{count} onzekere mails: {word}",
    "{count} failed mails": "{count} mislukte mails",
    "accepted: {sentence}": "aanvaard: {sentence}",
    # why a campaign waits
    "paused by {who}": "gepauzeerd door {who}",
    "it was due at {at} and would start {hours} hours late (sending.max_lateness_minutes is {limit})": (
        "ze moest vertrekken op {at} en zou {hours} uur te laat starten (sending.max_lateness_minutes is {limit})"
    ),
    "its audience is {count} contacts now and was {before} when approved: over {share} off": (
        "de doelgroep telt nu {count} contacten en bij de goedkeuring {before}: meer dan {share} verschil"
    ),
    "{count} contacts would be mailed now, and {before} when it was approved: over {share} more": (
        "nu zouden {count} contacten gemaild worden en bij de goedkeuring {before}: meer dan {share} erbij"
    ),
    "it has no approval in force": "ze heeft geen geldige goedkeuring",
    "it is a simulation: it was begun with `outreach up --inbox`, and only that goes on with it; "
    "to send it for real: `{command}`": (
        "het is een simulatie: ze begon met `outreach up --inbox` en gaat alleen daarmee verder; "
        "om ze echt te verzenden: `{command}`"
    ),
    "the relay refused {count} mails in a row and took none, the last with: {said}": (
        "de mailserver weigerde {count} mails na elkaar en nam er geen aan, de laatste met: {said}"
    ),
    "this database was restored or copied, or its folder moved, so what was due may have gone out already elsewhere; "
    "if it is the one that sends from now on, run `outreach db adopt`, look at each campaign, and resume it": (
        "deze databank werd teruggezet of gekopieerd, of haar map verhuisde: wat moest vertrekken, kan elders "
        "al weg zijn. Verzendt voortaan deze databank, voer dan `outreach db adopt` uit, bekijk elke campagne "
        "en hervat ze"
    ),
    "the relay refuses our mail: {said}": "de mailserver weigert onze mail: {said}",
    "the relay takes mail without an answer: {said}": "de mailserver neemt mail aan zonder antwoord: {said}",
    # why a step is refused
    "campaign '{name}': changed since you looked; look at it as it is now, and decide again": (
        "campagne {name} is veranderd sinds u ze bekeek: bekijk ze zoals ze nu is en beslis opnieuw"
    ),
    "campaign '{name}': changed since it was submitted: {parts}. Look at it and submit it again: `{command}`": (
        "campagne {name} is veranderd sinds ze werd voorgelegd: {parts}. Bekijk ze en leg ze opnieuw voor"
    ),
    "campaign '{name}' was changed by somebody else this moment: look again": (
        "campagne {name} werd net door iemand anders veranderd: kijk opnieuw"
    ),
    "campaign '{name}': sending has started, so nothing about it can change any more; {rest}": (
        "campagne {name}: de verzending is gestart, dus er kan niets meer aan veranderen"
    ),
    "campaign '{name}' is {word} and can't be {verb} (that takes {words}): {rest}": (
        "campagne {name} kan dat nu niet: ze staat op '{word}', en dit kan bij '{words}'"
    ),
    "campaign '{name}' was submitted by {who}: somebody else approves it ({rest})": (
        "campagne {name} werd voorgelegd door {who}: iemand anders keurt ze goed"
    ),
    "campaign '{name}' was submitted by {who}: somebody else approves it {rest}": (
        "campagne {name} werd voorgelegd door {who}: iemand anders keurt ze goed"
    ),
    "campaign '{name}' waits for a decision: {sentence}. To go on nevertheless: {rest}": (
        "campagne {name} wacht op een beslissing: {sentence}. Kies 'Aanvaard en ga door'"
    ),
    # what a proposal for a company without number rests on, and why it can't be decided on any more
    "name {share} alike": "naam voor {share} gelijk",
    "same postcode": "zelfde postcode",
    "same municipality": "zelfde gemeente",
    "works in the province": "werkt in de provincie",
    "same province": "zelfde provincie",
    "another province": "andere provincie",
    "e-mail domain fits": "e-maildomein past",
    "same legal form": "zelfde rechtsvorm",
    "another legal form": "andere rechtsvorm",
    "another kind of legal form": "heel andere rechtsvorm",
    "proposal {number} was accepted already, by {who}": "voorstel {number} werd al aanvaard door {who}",
    "proposal {number} was rejected already, by {who}": "voorstel {number} werd al geweigerd door {who}",
    "proposal {number}: the company has a number already, or is gone: {rest}": (
        "voorstel {number}: het bedrijf heeft intussen een nummer, of is er niet meer"
    ),
    "no proposal {number} any more: {rest}": "voorstel {number} is er niet meer",
}

LONGEST = 600
_VALUE = re.compile(r"\\\{(\w+)\\\}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) \((CES?T)\)")
_NAMES = {
    "texts": "teksten", "template": "sjabloon", "sender": "afzender", "segment": "doelgroep", "time": "verzendtijd",
    "services": "diensten", "pictures": "afbeeldingen", "name": "de naam", "postal address": "het postadres",
    "enterprise number": "het ondernemingsnummer", "e-mail address": "het e-mailadres", "give_up": "opgegeven",
}  # fmt: skip


def in_dutch(text: str) -> str:
    """Return a text of the domain in Dutch, line by line."""
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    bullet = "- " if line.startswith("- ") else ""
    sentence = line.removeprefix("- ")
    for pattern, dutch in _patterns() if len(sentence) <= LONGEST else ():
        if found := pattern.fullmatch(sentence):
            return bullet + dutch.format_map({name: _value(name, said) for name, said in found.groupdict().items()})
    return line


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the sentences to look for, those with most words first."""
    ordered = sorted(SENTENCES.items(), key=lambda pair: -len(_VALUE.sub("", re.escape(pair[0]))))
    return [(re.compile(_VALUE.sub(r"(?P<\1>.+?)", re.escape(text))), dutch) for text, dutch in ordered]


def _value(name: str, said: str) -> str:
    if name == "sentence":
        return _line(said)
    if name in ("word", "words", "parts", "what", "counts"):
        return re.sub(r"[a-z][a-z_-]*(?: [a-z]+)?", lambda found: _word(found[0]), said)
    return _TIME.sub(lambda found: _time(found[1]), said)


def _word(said: str) -> str:
    """Return a word of the database, or two words joined by "or", in Dutch."""
    if said in _NAMES or said in WORDS:
        return _NAMES.get(said) or WORDS[said][0]
    return " ".join({"or": "of"}.get(part) or _NAMES.get(part) or _label(part) for part in said.split(" "))


def _label(part: str) -> str:
    return WORDS[part][0] if part in WORDS else part


def _time(written: str) -> str:
    return format_datetime(datetime.fromisoformat(written), "d MMMM y, HH:mm", locale="nl_BE")
