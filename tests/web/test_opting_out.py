"""`/u/<token>`: a person or a mail program opts out at once; scanners and strangers change nothing."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from outreach.app import App
from outreach.links import Purpose
from outreach.models import Contact, Delivery, Event, EventKind, OutboxMail, Suppression
from tests.web.conftest import World

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BOTS = ("", "Googlebot/2.1 (+http://www.google.com/bot.html)", "curl/8", "YahooMailProxy", "Barracuda Sentinel (EE)")


def path_of(app: App, delivery_id: int) -> str:
    with app.database.reading() as session:
        address_hash = session.scalars(select(Delivery.address_hash).where(Delivery.id == delivery_id)).one()
    return app.links.opt_out(delivery_id, address_hash or bytes(16)).removeprefix(app.links.base)


def suppressed(app: App) -> int:
    with app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Suppression)) or 0


def outbox(app: App) -> list[OutboxMail]:
    with app.database.reading() as session:
        return list(session.scalars(select(OutboxMail)))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("agent", ["Mozilla/5.0", *BOTS])
def test_get_or_head_unsubscribes_nobody_so_scanners_do_it_not(
    browser: TestClient, app: App, world: World, method: str, agent: str
) -> None:
    for _ in range(3):
        answer = browser.request(method, path_of(app, world.bob), headers={"user-agent": agent})
        assert answer.status_code == 200
    assert suppressed(app) == 0
    assert outbox(app) == []
    with app.database.reading() as session:
        assert session.scalars(select(Event)).all() == []


def test_a_get_of_the_opt_out_page_shows_one_button(browser: TestClient, app: App, world: World) -> None:
    page = browser.get(path_of(app, world.bob))
    assert page.text.count("<button") == 1
    assert 'method="post"' in page.text
    assert "<script" not in page.text
    assert "bob@" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]


def test_the_button_opts_out_at_once_and_says_what_happens(browser: TestClient, app: App, world: World) -> None:
    answer = browser.post(path_of(app, world.bob), data={"button": "opt-out"})
    assert answer.status_code == 200
    assert "U bent uitgeschreven" in answer.text
    assert suppressed(app) == 1
    assert [mail.recipient for mail in outbox(app)] == ["bob@bedrijf.example"]


@pytest.mark.parametrize("agent", ["Mozilla/5.0", *BOTS])
def test_success_is_never_answered_without_unsubscribing_when_the_agent_looks_like_a_bot(
    browser: TestClient, app: App, world: World, agent: str
) -> None:
    answer = browser.post(path_of(app, world.bob), data=ONE_CLICK, headers={"user-agent": agent})
    assert answer.status_code == 200
    assert suppressed(app) == 1


@pytest.mark.parametrize("form", [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {}])
def test_the_one_click_post_is_never_refused_by_csrf_or_login(
    app: App, browser: TestClient, world: World, form: dict[str, object]
) -> None:
    headers = {"origin": "https://mail.example", "sec-fetch-site": "cross-site", "cookie": ""}
    answer = browser.post(path_of(app, world.bob), headers=headers, **form)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert suppressed(app) == 1
    # and fixing that broke no page
    assert browser.get(path_of(app, world.bob)).status_code == 200


def test_a_malformed_body_still_opts_out(app: App, browser: TestClient, world: World) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert browser.post(path_of(app, world.bob), content=b"\xff\x00--y", headers=headers).status_code == 200
    assert suppressed(app) == 1


def test_opting_out_twice_is_one_suppression_one_event_and_one_acknowledgement(
    app: App, browser: TestClient, world: World
) -> None:
    for _ in range(3):
        assert browser.post(path_of(app, world.bob), data=ONE_CLICK).status_code == 200
    assert suppressed(app) == 1
    assert len(outbox(app)) == 1
    with app.database.reading() as session:
        assert [event.kind for event in session.scalars(select(Event))] == [EventKind.UNSUBSCRIBED]


def forgeries(app: App, world: World) -> list[str]:
    bob, ann = path_of(app, world.bob), path_of(app, world.ann)
    mac = bob.partition(".")[2]
    return [
        f"/u/{world.ann}.{mac}",  # Bob's signature under Ann's number
        ann[:-1] + ("a" if ann[-1] != "a" else "b"),
        ann[:-4],
        ann + "a",
        f"/u/{world.ann}",
        f"/u/{world.ann}.",
        "/u/ann@bedrijf.example",
        f"/u/{world.ann}.{bob.split('.')[1]}.{ann.split('.')[2]}",  # Bob's address under Ann's signature
        f"/u/{app.links.token(Purpose.LEAD, world.ann, bytes(16))}",  # our signature for another purpose
        f"/u/{app.links.addressed_token(Purpose.PREFERENCES, world.ann, bytes(16))}",
        f"/u/-{world.ann}.{mac}",
        f"/u/{'9' * 30}.{mac}",
        f"/u/%EF%BC%91.{mac}",  # a digit that isn't ASCII
    ]


def test_anyone_can_unsubscribe_nobody_by_typing_an_address_or_forging_a_token(
    browser: TestClient, app: App, world: World
) -> None:
    for path in forgeries(app, world):
        for answer in (browser.get(path), browser.post(path, data=ONE_CLICK)):
            assert answer.status_code == 404
            assert "klopt niet" in answer.text
    assert browser.post("/u/", data={"email": "ann@bedrijf.example"}).status_code in (404, 405)
    assert suppressed(app) == 0


def test_an_erased_contact_is_told_the_same(browser: TestClient, app: App, world: World) -> None:
    with app.database.writing() as session:
        delivery = session.get_one(Delivery, world.bob)
        contact = session.get_one(Contact, delivery.contact_id)
        contact.address = contact.address_hash = delivery.address_hash = None
        contact.erased_at = app.now()
    assert "U bent uitgeschreven" in browser.post(path_of(app, world.bob), data=ONE_CLICK).text


def test_the_token_survives_a_mail_program_that_changes_its_case(browser: TestClient, app: App, world: World) -> None:
    assert browser.post(path_of(app, world.bob).upper().replace("/U/", "/u/"), data=ONE_CLICK).status_code == 200
    assert suppressed(app) == 1


def test_a_number_given_again_after_a_restore_opts_out_the_person_of_the_link_and_no_other(
    browser: TestClient, app: App, world: World
) -> None:
    """SQLite gives the number of a row that a restore took away to another: here to Bob's, with Ann's old link."""
    old_link = path_of(app, world.ann)
    with app.database.writing() as session:
        ann, bob = session.get_one(Delivery, world.ann), session.get_one(Delivery, world.bob)
        anns, bobs = ann.address_hash, bob.address_hash
        session.delete(ann)
        session.flush()
        session.execute(update(Delivery).where(Delivery.id == world.bob).values(id=world.ann))
    assert browser.post(old_link, data=ONE_CLICK).status_code == 200
    with app.database.reading() as session:
        assert session.scalars(select(Suppression.address_hash)).all() == [anns]
        assert anns != bobs
        # And Ann is told, though the row of her mail is lost.
        assert [mail.address_hash for mail in session.scalars(select(OutboxMail))] == [anns]
        assert session.scalars(select(Event)).all() == []
