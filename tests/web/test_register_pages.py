"""Bereik and Register on the staff site: figures and map to look at and take along, proposals to decide on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from outreach.app import App
from outreach.models import Company, Proposal, ProposalState
from outreach.register import placing, proposing
from outreach.web.site import create_site
from tests.registry import take_in
from tests.web.conftest import BROWSER, PASSWORD
from tests.world import add_cast, add_company, add_contact

pytestmark = pytest.mark.usefixtures("people")

LogIn = Callable[[str], TestClient]


@pytest.fixture
def log_in(app: App) -> Iterator[LogIn]:
    with TestClient(create_site(app), base_url="http://news.example") as client:
        client.headers["user-agent"] = BROWSER

        def go(name: str) -> TestClient:
            form = {"csrf": csrf(client.get("/staff/login").text), "email": f"{name}@federatie.example"}
            client.post("/staff/login", data=form | {"password": PASSWORD})
            return client

        yield go


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.fixture
def register(app: App) -> None:
    """The cast at four companies of Gent, two companies that aren't ours, and three without a number."""
    with app.database.writing() as session:
        cast = add_cast(session, key=app.suppression_key, now=app.now())
        companies = [session.get(Company, one.company_id) for one in (cast.ann, cast.bob, cast.cleo, cast.dan)]
        ours = [{"enterprise_number": one.enterprise_number, "postcode": "9000"} for one in companies if one]
        names = {
            "1999000150": "Jansen Verpakking",
            "1999000249": "Drukkerij <De Pers>",
            "1999000348": "Drukkerij De Persen",
        }
        others = [{"enterprise_number": number, "name": name, "postcode": "9000"} for number, name in names.items()]
        take_in(app, session, *ours, *others, {"enterprise_number": "1999000447", "postcode": "2000"})
        placing.apply(session, now=app.now())
        for name, domain in (("Jansen Verpakking nv", "jansenverpakking"), ("De Pers", "elders"), ("Nergens", "x")):
            company = add_company(session, app.now(), name=name)
            company.enterprise_number, company.municipality_nis = None, "44021"
            company.name_key = name.lower()
            add_contact(session, company, f"info@{domain}.example", key=app.suppression_key, now=app.now())
        proposing.propose(session, now=app.now())


def test_before_the_first_extract_both_pages_say_what_to_do(log_in: LogIn) -> None:
    ann = log_in("ann")
    for path in ("/staff/reach", "/staff/register"):
        answer = ann.get(path)
        assert answer.status_code == 200
        assert "outreach register import" in answer.text


def test_the_reach_is_shown_with_its_map_source_and_licence(log_in: LogIn, register: None) -> None:
    answer = log_in("dan").get("/staff/reach")
    page = answer.text
    rows = {re.sub(r"<[^>]+>", " ", row).split()[0]: row for row in re.findall(r"<tr>.*?</tr>", page)}
    figures = re.findall(r'class="number"[^>]*>([^<]*)<', rows["Oost-Vlaanderen"])
    assert figures == ["7", "4", "1", "0", "0,0 %"]
    assert "<svg" in page
    assert "0 van 7" in page
    assert "1 november 2026 (extract 142)" in page
    assert "direct marketing" in page
    assert "Daarnaast kennen we 3 bedrijven" in page
    # The page's own policy forbids styles in it, so the map may have none.
    assert "style-src 'self';" in answer.headers["content-security-policy"]
    assert "style=" not in page


def test_the_reach_speaks_english_and_counts_as_asked(log_in: LogIn, register: None) -> None:
    ann = log_in("ann")
    ann.post(
        "/staff/language", data={"csrf": csrf(ann.get("/staff/reach").text), "language": "en", "next": "/staff/reach"}
    )
    page = ann.get("/staff/reach", params={"by": "establishment", "since": "2026-01-01", "figure": "mailable"}).text
    for told in ("East Flanders", "How many regular companies we may mail", "1 of 7", "since 1 January 2026",
                 "A company counts once in every province"):  # fmt: skip
        assert told in page
    assert ann.get("/staff/reach", params={"by": "x", "since": "0001-01-01", "figure": "'"}).status_code == 200


BEGINNINGS = {"csv": b"\xef\xbb\xbftable", "json": b"{", "svg": b"<svg", "png": b"\x89PNG"}


@pytest.mark.parametrize(("kind", "start"), BEGINNINGS.items())
def test_the_reach_is_taken_along(log_in: LogIn, register: None, kind: str, start: bytes) -> None:
    answer = log_in("dan").get(f"/staff/reach.{kind}", params={"figure": "ours"})
    assert answer.content.startswith(start)
    assert f"reach-2026-11-01.{kind}" in answer.headers["content-disposition"]
    if kind != "png":
        assert "direct marketing" in answer.text


def test_certain_ones_stand_apart_and_one_click_accepts(app: App, log_in: LogIn, register: None) -> None:
    ann = log_in("ann")
    page = ann.get("/staff/register").text
    certain, doubtful = page.split('id="twijfel"')
    assert "Jansen Verpakking" in certain
    assert "zelfde postcode" in certain
    assert "Drukkerij &lt;De Pers&gt;" in doubtful
    assert "direct marketing" in page
    with app.database.reading() as session:
        proposal = session.scalars(select(Proposal).where(Proposal.certain)).one()
    answer = ann.post(f"/staff/register/{proposal.id}/accept", data={"csrf": csrf(page)})
    assert answer.url.path == "/staff/register"
    with app.database.reading() as session:
        company = session.scalars(select(Company).where(Company.enterprise_number == "1999000150")).one()
        assert company.name == "Jansen Verpakking nv"
        decided = session.get(Proposal, proposal.id)
        assert decided is not None
        assert decided.decided_by == "ann@federatie.example"
    again = ann.post(f"/staff/register/{proposal.id}/reject", data={"csrf": csrf(page)})
    assert again.status_code == 409
    assert "werd al aanvaard door ann@federatie.example" in again.text


def test_who_is_refused_is_not_proposed_again(app: App, log_in: LogIn, register: None) -> None:
    ann = log_in("ann")
    page = ann.get("/staff/register").text
    for number in re.findall(r"/staff/register/(\d+)/reject", page):
        ann.post(f"/staff/register/{number}/reject", data={"csrf": csrf(page)})
    assert "Er wacht geen voorstel" in ann.get("/staff/register").text
    with app.database.writing() as session:
        assert proposing.propose(session, now=app.now()).new == 0
        assert set(session.scalars(select(Proposal.state))) == {ProposalState.REJECTED}


def test_an_analyst_looks_and_decides_nothing(app: App, log_in: LogIn, register: None) -> None:
    dan = log_in("dan")
    page = dan.get("/staff/register").text
    assert "Jansen Verpakking" in page
    assert "/accept" not in page
    with app.database.reading() as session:
        number = session.scalars(select(Proposal.id)).first()
    for answer in ("accept", "reject"):
        assert dan.post(f"/staff/register/{number}/{answer}", data={"csrf": csrf(page)}).status_code == 403
    assert dan.post(f"/staff/register/{number}/accept").status_code == 403


def test_a_stranger_sees_neither(app: App, register: None) -> None:
    with TestClient(create_site(app), base_url="http://news.example", follow_redirects=False) as stranger:
        for path in ("/staff/reach", "/staff/reach.csv", "/staff/register"):
            assert stranger.get(path).status_code == 303
