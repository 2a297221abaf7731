"""What the domain tells in English is shown in Dutch on the pages of the team."""

from __future__ import annotations

import re

import pytest

from outreach.web.dutch import SENTENCES, in_dutch
from outreach.web.findings import FINDINGS, finding_in_dutch
from tests.conftest import ROOT

TOLD = {
    "was in_review; the approval is void": "was ter goedkeuring; de goedkeuring is vervallen",
    "24 contacts, 22 to be mailed, 2 cohorts": "24 contacten, waarvan 22 gemaild worden, in 2 groepen",
    "4 contacts, 2 to be mailed, 1 cohort": "4 contacten, waarvan 2 gemaild worden, in één groep",
    "for 2026-11-23 19:08 (CET)": "voor 23 november 2026, 19:08",
    "site.url http://127.0.0.1:8000 works on this machine only: one-click opting out takes https://": (
        "site.url http://127.0.0.1:8000 werkt alleen op deze computer: uitschrijven met één klik vraagt https://"
    ),
    "none of the 4 contacts of the segment may be mailed: 3 no_legal_basis, 1 suppressed": (
        "geen van de 4 contacten van de doelgroep mag gemaild worden: 3 geen rechtsgrond, 1 uitgesloten"
    ),
    "accepted: its audience is 9 contacts now and was 4 when approved: over 20% off": (
        "aanvaard: de doelgroep telt nu 9 contacten en bij de goedkeuring 4: meer dan 20% verschil"
    ),
    "campaign 'lente' is draft and can't be scheduled (that takes approved): submit, edit or cancel it": (
        "campagne lente kan dat nu niet: ze staat op 'ontwerp', en dit kan bij 'goedgekeurd'"
    ),
    "campaign, intro, line 2: the link 'hier' to 'https://a.example' doesn't say where it leads; name it": (
        "campaign, intro, line 2: de link 'hier' naar https://a.example zegt niet waar hij heen leidt; "
        "noem wat de lezer daar vindt"
    ),
    "templates/emails/x/body.mjml:3:1: there is no MJML tag <mj-txt>; did you mean 'mj-text'?; write a component": (
        "templates/emails/x/body.mjml:3:1: MJML kent geen tag <mj-txt>"
    ),
    "x/body.mjml:3:1: #777 on #ffffff in the dark has a contrast of 2.1:1 ('Dag'); take colours of at least 4.5:1": (
        "x/body.mjml:3:1: #777 op #ffffff heeft in donkere weergave een contrast van maar 2.1:1 ('Dag')"
    ),
    "campaign 'x' can't be sent as it is:\n- no time is set: add send_at, e.g. `x` (Brussels time)": (
        "campagne x kan zo niet verzonden worden:\n"
        "- er is nog geen verzendtijd: voeg send_at toe, bijvoorbeeld `x` (Belgische tijd)"
    ),
}


@pytest.mark.parametrize(("told", "dutch"), TOLD.items())
def test_a_sentence_of_the_domain_is_told_in_dutch(told: str, dutch: str) -> None:
    assert in_dutch(told) == dutch


def test_a_sentence_that_is_not_known_stays_as_it_is() -> None:
    assert in_dutch("een opmerking van Ann: {vrij} %s") == "een opmerking van Ann: {vrij} %s"
    assert in_dutch("was " * 10_000) == "was " * 10_000


def test_no_value_is_asked_for_that_the_sentence_lacks() -> None:
    for sentence, dutch in SENTENCES.items():
        assert set(re.findall(r"\{(\w+)\}", dutch)) <= set(re.findall(r"\{(\w+)\}", sentence)), sentence


def test_every_finding_of_a_mail_has_its_kind_in_dutch() -> None:
    rows = [
        line.split("|")[1] for line in (ROOT / "docs" / "checking.md").read_text().splitlines() if line[:3] == "| `"
    ]
    documented = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    addresses = (ROOT / "outreach" / "emails" / "checking" / "addresses.py").read_text()
    of_addresses = set(re.findall(r'AddressFault\(\s*"(link-[a-z]+)"', addresses))
    hints = {"field-unused", "plain-path"}
    assert len(documented) > 50
    assert (documented | of_addresses) - hints - {"spam"} - set(FINDINGS) == set()
    assert {code.replace("link", "picture") for code in of_addresses} - set(FINDINGS) == set()


def test_a_finding_whose_sentence_is_not_known_tells_its_kind_in_dutch_and_keeps_the_sentence() -> None:
    told = finding_in_dutch("templates/emails/x/body.mjml:3:1: a new sentence; do so", "mjml-wide")
    assert told == "templates/emails/x/body.mjml:3:1: breder dan de mail (a new sentence; do so)"
    assert finding_in_dutch("site.url x is odd", "") == "site.url x is odd"
    assert "geen tag <mj-txt>" in finding_in_dutch(
        "x.mjml:1:1: there is no MJML tag <mj-txt>; write y", "mjml-unknown-tag"
    )
