"""The team reads what waits, and deals with it, on the page Postvak."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from inbox import post
from inbox.conftest import Office
from inbox.test_answering import leads, shown
from sqlalchemy import select

from outreach import users
from outreach.models import Contact, InboxState, OutboxMail, Role
from outreach.web.site import create_site

PASSWORD = "een heel lang wachtwoord"


@pytest.fixture
def site(office: Office, quick_passwords: None) -> Iterator[TestClient]:
    with office.app.database.writing() as session:
        for name, role in (("ann", Role.TEAM), ("dan", Role.ANALYST)):
            address = f"{name}@federatie.example"
            users.add(session, address, name=name, password=PASSWORD, role=role, now=office.app.now())
    with TestClient(create_site(office.app), base_url="http://news.example", follow_redirects=False) as client:
        yield client


def log_in(site: TestClient, name: str) -> None:
    page = site.get("/staff/login").text
    form = {"csrf": csrf_of(page), "email": f"{name}@federatie.example", "password": PASSWORD, "next": ""}
    assert site.post("/staff/login", data=form).status_code == 303


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def press(site: TestClient, id: int, step: str, **fields: str) -> int:
    csrf = csrf_of(site.get(f"/staff/inbox/{id}").text)
    answer = site.post(f"/staff/inbox/{id}/{step}", data={"csrf": csrf} | fields)
    return int(answer.status_code)


def test_nobody_reads_the_inbox_without_a_log_in(office: Office, site: TestClient) -> None:
    (card,) = office.take_in(post.answer(office.mail_to("ann")))
    for path in ("/staff/inbox", f"/staff/inbox/{card.id}"):
        assert site.get(path).status_code == 303


def test_the_team_reads_an_answer_and_passes_it_on(office: Office, site: TestClient) -> None:
    (card,) = office.take_in(post.answer(office.mail_to("ann"), "Graag <b>een offerte</b> voor 500 dozen.\n"))
    log_in(site, "ann")
    assert f'href="/staff/inbox/{card.id}"' in site.get("/staff/inbox").text
    assert "1 antwoord wacht" in site.get("/staff/leads").text
    page = site.get(f"/staff/inbox/{card.id}").text
    assert "Graag &lt;b&gt;een offerte&lt;/b&gt;" in page, "what a stranger wrote is text and nothing else"
    assert "over welke dienst gaat het" in page
    assert page.index(shown(office)[0]) < page.index("Andere diensten")
    assert press(site, card.id, "assign", service="bestaat-niet") == 409
    assert press(site, card.id, "assign", service=shown(office)[0]) == 303
    (lead,) = leads(office)
    assert lead.created_by == "ann@federatie.example"
    assert f'href="/staff/leads/{lead.id}"' in site.get(f"/staff/inbox/{card.id}").text
    assert f'href="/staff/leads/{lead.id}"' in site.get("/staff/leads").text
    csrf = csrf_of(site.get("/staff/inbox").text)
    again = site.post(f"/staff/inbox/{card.id}/assign", data={"csrf": csrf, "service": shown(office)[1]})
    assert again.status_code == 409
    assert "al afgehandeld door ann@federatie.example" in again.text
    assert len(leads(office)) == 1


def test_an_analyst_reads_and_changes_nothing(office: Office, site: TestClient) -> None:
    (card,) = office.take_in(post.answer(office.mail_to("ann")))
    log_in(site, "dan")
    page = site.get(f"/staff/inbox/{card.id}").text
    assert "Geef door" not in page
    for step in ("assign", "settle", "opt-out", "move", "again"):
        answer = site.post(f"/staff/inbox/{card.id}/{step}", data={"csrf": csrf_of(page), "service": "x"})
        assert answer.status_code == 403


def test_another_site_can_not_do_it_in_ones_name(office: Office, site: TestClient) -> None:
    (card,) = office.take_in(post.answer(office.mail_to("ann")))
    log_in(site, "ann")
    assert site.post(f"/staff/inbox/{card.id}/opt-out", data={"csrf": "x"}).status_code == 403
    assert office.suppressed() == 0
    assert site.get(f"/staff/inbox/{card.id}/opt-out").status_code in (404, 405)


def test_the_team_opts_out_who_asks_for_it_though_nothing_proves_who_writes(office: Office, site: TestClient) -> None:
    words = "Gelieve mij uit te schrijven.\n"
    (card,) = office.take_in(post.answer(office.mail_to("ann"), words, threaded=False, to="info@antwoord.example"))
    assert card.state is InboxState.WAITING
    log_in(site, "ann")
    assert press(site, card.id, "opt-out") == 303
    suppression = office.suppression("ann")
    assert suppression is not None
    assert "read by ann@federatie.example" in suppression.source
    with office.app.database.reading() as session:
        assert session.scalars(select(OutboxMail.recipient)).all() == ["ann@ann.example"]


def test_the_team_has_a_new_address_confirm(office: Office, site: TestClient) -> None:
    words = "Mijn e-mailadres is gewijzigd. Mijn nieuwe adres is ann.peeters@nieuw.example.\n"
    (card,) = office.take_in(post.answer(office.mail_to("ann"), words))
    log_in(site, "ann")
    assert press(site, card.id, "move", address="geen adres") == 409
    assert press(site, card.id, "move", address="ann.peeters@nieuw.example") == 303
    with office.app.database.reading() as session:
        assert session.scalars(select(Contact.address).where(Contact.address.contains("peeters"))).all() == []


def test_what_needs_nothing_is_settled_and_can_be_found_again(office: Office, site: TestClient) -> None:
    (card,) = office.take_in(post.bounce(office.mail_to("ann"), to="x@terug.example", returned="Subject: x\n"))
    log_in(site, "ann")
    assert press(site, card.id, "again") == 303
    assert press(site, card.id, "settle", note="oud nieuws") == 303
    assert "Niets wacht op u" in site.get("/staff/inbox").text
    page = site.get("/staff/inbox?state=settled").text
    assert "oud nieuws" in page
    assert site.get("/staff/inbox?state=nonsense&kind=nonsense").status_code == 200
    assert site.get("/staff/inbox/999999").status_code == 404


def test_what_came_back_stands_on_the_contact_for_the_team_only(office: Office, site: TestClient) -> None:
    office.take_in(post.bounce(office.mail_to("ann")), post.absence(office.mail_to("ann")))
    page = f"/staff/contacts/{office.contact('ann').id}"
    log_in(site, "ann")
    text = site.get(page).text
    for said in ("kwam terug", "onbekende ontvanger", "het adres bestaat niet meer", "5.1.1", "dood adres", "afwezig"):
        assert said in text, said
    assert site.get("/staff/contacts/999999").status_code == 404
    site.cookies.clear()
    log_in(site, "dan")
    assert site.get(page).status_code == 403
