"""The person's own page: a forwarded newsletter opens less than a link mailed to the address; a GET changes nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from itertools import count

import contact_lists as lists
import pytest
import world
from sqlalchemy import func, select
from subscriptions.conftest import Story, hidden
from subscriptions.test_signing_up import ANN, is_suppressed, suppress

from outreach.app import App
from outreach.audience import eligibility, erasing, suppressing
from outreach.links import NO_ADDRESS, NOBODY, Purpose, hash_address
from outreach.models import (
    Campaign,
    Company,
    Contact,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Frequency,
    LegalBasis,
    OutboxMail,
    PreferenceChange,
    Suppression,
    SuppressionReason,
    Table,
)
from outreach.subscriptions import asking

_numbers = count(1)
COLLEAGUE, NEW = "carl@ann.example", "ann.nieuw@elders.example"


def newsletter(story: Story, address: str = ANN, **columns: object) -> str:
    """Mail a newsletter to a contact; return the path of the link to the preferences in it."""
    app = story.app
    with app.database.writing() as session:
        contact = session.scalars(select(Contact).where(Contact.address == address)).first()
        if contact is None:
            company = world.add_company(session, app.now(), name="Ann Voorbeeld nv")
            contact = world.add_contact(
                session, company, address, key=app.suppression_key, now=app.now(), first_name="Ann"
            )
        campaign = Campaign(
            name=f"brief-{next(_numbers)}", title="B", segment="s", template="t", spec={}, status="sent",
            created_by="t", created_at=app.now(),
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        delivery = Delivery(
            campaign_id=campaign.id, contact_id=contact.id, company_id=contact.company_id,
            address_hash=contact.address_hash, status=DeliveryStatus.SENT, sent_at=app.now(), status_at=app.now(),
        )  # fmt: skip
        session.add(delivery)
        session.flush()
        assert delivery.address_hash is not None
        return app.links.preferences(delivery.id, delivery.address_hash).removeprefix(app.links.base)


def everything(app: App) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    with app.database.reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Table.metadata.sorted_tables
        }


def reason(app: App, address: str = ANN, topic: str | None = None) -> str | None:
    policy = eligibility.policy_of(app.settings, topic, app.now())
    with app.database.reading() as session:
        query = select(eligibility.refusal(policy)).select_from(Contact).join(Company).where(Contact.address == address)
        return session.scalars(query).one()


def test_a_reader_chooses_topics_and_frequency_by_the_link_in_the_newsletter(story: Story) -> None:
    path = newsletter(story)
    answer = story.press(path, topic=["diensten"], frequency="quarterly")
    assert answer.headers["location"] == f"{path}?gelukt=bewaard"
    assert "Uw keuze is bewaard" in story.web.get(answer.headers["location"]).text
    contact = story.contact()
    assert (contact.frequency, contact.chosen_at) == (Frequency.QUARTERLY, story.clock.at)
    story.clock.move(days=31)
    assert reason(story.app) == "chosen_frequency"
    assert reason(story.app, topic="bezoekdagen") == "topic_left"
    story.clock.move(days=60)
    assert reason(story.app, topic="diensten") is None
    with story.app.database.reading() as session:
        said = {(row.what, row.value, row.via) for row in session.scalars(select(PreferenceChange))}
    assert ("topic verhalen", "left", "link in a newsletter") in said
    assert ("frequency", "quarterly", "link in a newsletter") in said
    page = story.web.get(path).text
    assert re.search(r'value="diensten" checked', page)
    assert not re.search(r'value="verhalen" checked', page)
    assert re.search(r'value="quarterly" checked', page)


def test_what_a_reader_chose_no_import_overrides(story: Story) -> None:
    path = newsletter(story)
    story.press(path, topic=["diensten"], frequency="half_yearly")
    with story.app.database.writing() as session:
        number = session.scalars(select(Company.enterprise_number)).one()
    list = (*lists.row(ondernemingsnummer=number, email=ANN), "verhalen")
    file = lists.write(story.app.project / "lijst.csv", [list], (*lists.HEADERS, "Thema's"))
    before = story.contact()
    lists.take_in(story.app, file)
    after = story.contact()
    assert (after.frequency, after.chosen_at) == (before.frequency, before.chosen_at)
    assert reason(story.app, topic="verhalen") == "topic_left"


def test_an_import_revives_nobody_who_left_by_the_page(story: Story) -> None:
    path = newsletter(story)
    story.web.post(f"{path}/uit")
    with story.app.database.writing() as session:
        number = session.scalars(select(Company.enterprise_number)).one()
    list = lists.row(ondernemingsnummer=number, email=ANN, datum="24/11/2026")
    lists.take_in(story.app, lists.write(story.app.project / "lijst.csv", [list]))
    assert reason(story.app) == "suppressed"


def test_a_choice_counts_at_every_company_of_the_address(story: Story) -> None:
    path = newsletter(story)
    with story.app.database.writing() as session:
        other = world.add_company(session, story.app.now())
        world.add_contact(session, other, ANN, key=story.app.suppression_key, now=story.app.now())
    story.press(path, topic=[], frequency="monthly")
    with story.app.database.reading() as session:
        assert set(session.scalars(select(Contact.frequency))) == {Frequency.MONTHLY}
        assert set(session.scalars(select(ContactTopic.follows))) == {False}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_get_or_head_on_any_page_changes_a_row(story: Story, method: str) -> None:
    story.subscribed()
    ordinary, personal = newsletter(story), story.personal()
    story.sign_up("dan@ann.example")
    confirm = story.mail().link("bevestig/")
    ends = ("uit", "opnieuw", "link", "collega", "adres", "gegevens", "gegevens.json", "gegevens.csv", "wissen")
    paths = [ordinary, personal, *(f"{start}/{end}" for start in (ordinary, personal) for end in ends)]
    before = everything(story.app)
    for path in (*paths, confirm, "/nieuwsbrief", "/nieuwsbrief/ingebed", "/nieuwsbrief/verstuurd", "/voorkeuren"):
        for query in ("", "?gelukt=uitgeschreven", "?frequency=monthly&button=1"):
            assert story.web.request(method, path + query).status_code in (200, 405, 403)
    assert everything(story.app) == before


def test_a_forwarded_newsletter_shows_nothing_personal_and_opens_nothing_grave(story: Story) -> None:
    story.subscribed(first_name="Annelies")
    path = newsletter(story)
    page = story.web.get(path).text
    assert ANN not in page
    assert "a•••••@ann.example" in page
    assert "Annelies" not in page
    assert "Ann Voorbeeld" not in page
    for end in ("adres", "wissen", "gegevens"):
        shown = story.web.get(f"{path}/{end}")
        assert "Eerst een persoonlijke link" in shown.text
        assert ANN not in shown.text
    stamp = hidden(story.web.get(path))
    assert story.web.post(f"{path}/adres", data={**stamp, "email": NEW}).status_code == 403
    assert story.web.post(f"{path}/wissen", data=stamp).status_code == 403
    assert story.web.get(f"{path}/gegevens.json").status_code == 403
    story.press(path, tracking="yes", topic=["diensten"])
    assert story.contact().tracking_consent_at is None, "a forwarded mail consented to tracking"
    assert story.mails() == []


def test_the_fresh_link_goes_to_the_address_itself_and_lapses_after_a_day(story: Story) -> None:
    story.subscribed()
    path = newsletter(story)
    assert story.press(f"{path}/wissen", f"{path}/link").headers["location"].endswith("gelukt=link")
    mail = story.mail()
    assert (mail.to, mail.subject) == (ANN, "Uw persoonlijke link")
    personal = mail.link("voorkeuren/")
    assert ANN in story.web.get(f"{personal}/gegevens").text
    story.clock.move(hours=24)
    assert story.web.get(personal).status_code == 410
    assert story.web.post(f"{personal}/wissen", data={}).status_code == 410
    assert story.web.get(path).status_code == 200, "the link in the newsletter lives on"


def test_tracking_is_off_is_allowed_with_its_text_and_ended_again(story: Story) -> None:
    story.subscribed()
    assert story.contact().tracking_consent_at is None
    personal = story.personal()
    story.press(personal, tracking="yes")
    assert story.contact().tracking_consent_at == story.clock.at
    assert "checked" in story.web.get(personal).text.split('name="tracking"')[1][:40]
    story.press(newsletter(story))  # with the box unticked, by the ordinary link
    assert story.contact().tracking_consent_at is None
    with story.app.database.reading() as session:
        rows = session.scalars(select(PreferenceChange).where(PreferenceChange.what == "tracking")).all()
    assert [(row.value, row.text_hash is not None) for row in rows] == [("allowed", True), ("ended", False)]


def test_who_lost_the_link_gets_it_by_mail_and_who_asks_for_another_learns_nothing(story: Story) -> None:
    story.subscribed()
    answers = set()
    for address in (ANN, "onbekend@ann.example"):
        answer = story.press("/voorkeuren", email=address)
        answers.add((answer.status_code, answer.headers["location"], answer.text))
    assert len(answers) == 1
    mails = {mail.to: mail for mail in story.mails()}
    assert mails[ANN].subject == "Uw persoonlijke link"
    nothing = mails["onbekend@ann.example"]
    assert nothing.subject == "We bewaren niets over dit adres"
    assert "/voorkeuren/" not in nothing.part("plain")


def test_anyone_can_opt_out_nobody_by_typing_an_address(story: Story) -> None:
    story.subscribed()
    story.press("/voorkeuren", email=ANN)
    for path in ("/voorkeuren/uit", "/voorkeuren/ann@ann.example/uit", "/voorkeuren//uit"):
        assert story.web.post(path, data={"email": ANN}).status_code in (404, 405)
    assert not is_suppressed(story.app)


def test_a_link_for_one_thing_opens_nothing_of_another(story: Story) -> None:
    newsletter(story)
    links = story.app.links
    mine = hash_address(story.app.suppression_key, ANN)
    for purpose in (Purpose.OPT_OUT, Purpose.CONFIRM, Purpose.BOUNCE, Purpose.LEAD):
        for token in (links.token(purpose, 1, mine), links.addressed_token(purpose, 1, mine)):
            assert story.web.get(f"/voorkeuren/{token}").status_code == 404
    sample = links.preferences(NOBODY, NO_ADDRESS).removeprefix(links.base)
    assert "voorbeeldmail" in story.web.get(sample).text


def test_a_post_without_the_mark_of_its_own_page_changes_nothing(story: Story) -> None:
    story.subscribed()
    path, other = newsletter(story), story.personal()
    foreign = hidden(story.web.get(other))["stamp"]
    before = everything(story.app)
    for stamp in ({}, {"stamp": "x"}, {"stamp": foreign}):
        assert story.web.post(path, data={**stamp, "frequency": "monthly"}).status_code == 422
        assert story.web.post(f"{path}/collega", data={**stamp, "email": COLLEAGUE}).status_code == 422
        assert story.web.post(f"{other}/wissen", data={}).status_code == 422
    assert everything(story.app) == before
    page = hidden(story.web.get(path))
    story.clock.move(days=1)
    assert "stond lang open" in story.web.post(path, data=page).text


def test_leaving_is_one_press_acknowledged_once_and_coming_back_takes_a_confirmation(story: Story) -> None:
    story.subscribed()
    path = newsletter(story)
    for _ in range(2):
        assert story.web.post(f"{path}/uit").headers["location"].endswith("gelukt=uitgeschreven")
    assert is_suppressed(story.app)
    assert story.mail().subject == "U bent uitgeschreven"
    story.press(path, f"{path}/opnieuw")
    assert is_suppressed(story.app), "back without a confirmation"
    story.web.post(story.mail().link("bevestig/"))
    assert not is_suppressed(story.app)


def test_a_colleague_gets_one_invitation_and_never_enters_by_himself(story: Story) -> None:
    story.subscribed()
    path = newsletter(story)
    assert story.press(f"{path}/collega", email=COLLEAGUE).headers["location"].endswith("gelukt=collega")
    mails = {mail.to: mail for mail in story.mails()}
    assert mails[ANN].subject == "U bent uitgeschreven"
    invitation = mails[COLLEAGUE]
    assert invitation.subject == "Uw collega stelde u voor"
    assert ANN in invitation.part("plain"), "the source of the address (GDPR art. 14)"
    assert is_suppressed(story.app)
    assert reason(story.app) == "suppressed"
    with story.app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 1
    story.web.post(invitation.link("bevestig/"))
    carl = story.contact(COLLEAGUE)
    assert carl.company_id == story.contact().company_id
    assert reason(story.app, COLLEAGUE) is None


def test_a_colleague_is_invited_once_ever_by_whomever(story: Story) -> None:
    for name in ("ann", "bert", "els"):
        story.subscribed(f"{name}@ann.example")
        path = newsletter(story, f"{name}@ann.example")
        story.press(f"{path}/collega", email=COLLEAGUE)
        # A second colleague by the same link: there is no place left to give away.
        story.web.post(f"{path}/collega", data={**hidden(story.web.get(path)), "email": "x@ann.example"})
        story.clock.move(days=30)
        with story.app.database.writing() as session:
            asking.forget(session, story.app.settings, story.app.now())
    story.mails()
    sent = [one.recipient for one in story.relay.received]
    assert sent.count(COLLEAGUE) <= 1
    assert "x@ann.example" not in sent
    with story.app.database.reading() as session:
        keys = session.scalars(select(OutboxMail.key).where(OutboxMail.key.like("colleague:%"))).all()
    assert len(keys) == 1


@pytest.mark.parametrize("colleague", ["carl@elders.example", ANN, "geen adres", "Ann@ANN.example"])
def test_only_a_colleague_can_be_proposed(story: Story, colleague: str) -> None:
    story.subscribed()
    path = newsletter(story)
    assert story.press(f"{path}/collega", email=colleague).status_code == 422
    assert not is_suppressed(story.app)
    assert story.mails() == []


def test_a_colleague_who_opted_out_or_is_a_reader_is_not_invited(story: Story) -> None:
    story.subscribed()
    suppress(story.app, COLLEAGUE, SuppressionReason.UNSUBSCRIBED)
    story.press(f"{newsletter(story)}/collega", email=COLLEAGUE)
    assert [mail.to for mail in story.mails()] == [ANN]


def test_a_changed_address_is_confirmed_there_and_told_here(story: Story) -> None:
    story.subscribed(frequency="quarterly", topic=["diensten"])
    old = newsletter(story)
    personal = story.personal()
    assert story.press(f"{personal}/adres", email=NEW).headers["location"].endswith("gelukt=adres")
    mail = story.mail()
    assert (mail.to, mail.subject) == (NEW, "Bevestig uw nieuwe adres")
    assert story.contact().address == ANN, "changed before it was confirmed"
    assert "nieuwe adres is bevestigd" in story.press(mail.link("bevestig/")).text
    notice = story.mail()
    assert (notice.to, notice.subject) == (ANN, "Uw adres is gewijzigd")
    assert NEW not in notice.part("plain")
    moved = story.contact(NEW)
    assert moved.frequency is Frequency.QUARTERLY
    assert reason(story.app, NEW, "verhalen") == "topic_left"
    assert reason(story.app, NEW, "diensten") is None
    assert is_suppressed(story.app, ANN), "an import would bring the old address back"
    # The way out in a mail to the old address still leads out.
    old_hash = hash_address(story.app.suppression_key, ANN)
    id = int(old.rpartition("/")[2].partition(".")[0])
    token = story.app.links.addressed_token(Purpose.OPT_OUT, id, old_hash)
    story.web.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
    assert is_suppressed(story.app, NEW)
    assert story.mail().to == NEW


@pytest.mark.parametrize("kept", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT])
def test_a_changed_address_is_no_way_out_of_a_suppression(story: Story, kept: SuppressionReason) -> None:
    story.subscribed()
    personal = story.personal()
    suppress(story.app, ANN, kept)
    story.press(f"{personal}/adres", email=NEW)
    story.web.post(story.mail().link("bevestig/"))
    with story.app.database.reading() as session:
        row = suppressing.live(session, hash_address(story.app.suppression_key, NEW))
    assert row is not None
    assert row.reason is kept
    assert reason(story.app, NEW) == "suppressed"


def test_a_new_address_that_opted_out_stays_out(story: Story) -> None:
    story.subscribed()
    suppress(story.app, NEW, SuppressionReason.UNSUBSCRIBED)
    story.press(f"{story.personal()}/adres", email=NEW)
    page = story.web.post(story.mail().link("bevestig/"))
    assert "mogen nog niet mailen" in page.text
    assert is_suppressed(story.app, NEW)


def test_a_person_sees_and_downloads_everything_we_hold(story: Story) -> None:
    story.subscribed(first_name="=Ann", topic=["diensten"])
    newsletter(story)
    personal = story.personal()
    page = story.web.get(f"{personal}/gegevens").text
    basis = ("uw toestemming", "inschrijving op onze website", "Ik wil de nieuwsbrief van Federatie Voorbeeld")
    for said in (ANN, "Ann Voorbeeld nv", *basis, "brief-", "zelf gekozen", "bevestigde inschrijving"):
        assert said in page, said
    answer = story.web.get(f"{personal}/gegevens.json")
    assert "attachment" in answer.headers["content-disposition"]
    held = json.loads(answer.content)
    assert held["address"] == ANN
    assert held["contacts"][0]["bases"][0]["text"].startswith("Ik wil de nieuwsbrief")
    assert len(held["contacts"][0]["deliveries"]) == 1
    assert held["mails"]
    table = story.web.get(f"{personal}/gegevens.csv")
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    assert ["Adres", "E-mailadres", ANN] in rows
    assert ["Contact bij Ann Voorbeeld nv", "Naam", "'=Ann"] in rows, "a spreadsheet would run it"
    assert {len(row) for row in rows} == {3}


def test_a_person_erases_himself_and_the_suppression_stays(story: Story) -> None:
    story.subscribed(first_name="Ann", frequency="monthly")
    ordinary, personal = newsletter(story), story.personal()
    assert "Wis alles over mij" in story.web.get(f"{personal}/wissen").text
    done = story.press(f"{personal}/wissen")
    assert "Uw gegevens zijn gewist" in done.text
    assert is_suppressed(story.app)
    kept = repr(everything(story.app))
    assert ANN not in kept
    assert "'Ann'" not in kept
    for path in (ordinary, personal):
        assert story.web.get(path).status_code in (404, 410)
    assert story.mails() == []


def test_an_erased_person_who_signs_up_again_is_mailed_again(story: Story) -> None:
    """The own confirmed opt-in lifts the suppression that erasure wrote; nothing else does."""
    story.subscribed()
    with story.app.database.writing() as session:
        erasing.erase(session, ANN, key=story.app.suppression_key, actor="test", now=story.app.now())
    story.subscribed()
    assert reason(story.app) is None
    with story.app.database.reading() as session:
        assert [row.reason for row in session.scalars(select(Suppression))] == [SuppressionReason.ERASED]
        assert session.scalar(select(func.count()).select_from(LegalBasis)) == 2


def test_personal_pages_stay_personal(story: Story) -> None:
    story.subscribed()
    ordinary, personal = newsletter(story), story.personal()
    for path in (ordinary, personal, f"{personal}/gegevens", f"{personal}/gegevens.csv", "/bevestig/x"):
        headers = story.web.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "noindex" in headers["x-robots-tag"]
        assert headers["referrer-policy"] == "no-referrer"
    assert "Disallow: /voorkeuren" in story.web.get("/robots.txt").text


def test_the_frequency_is_honoured_at_the_freeze_and_at_the_send(story: Story) -> None:
    app = story.app
    with app.database.writing() as session:
        cast = world.add_cast(session, key=app.suppression_key, now=app.now())
        crowd = world.add_crowd(session, 4, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        ids = [cast.ann.id, crowd[0].id]
    path = newsletter(story, crowd[0].address or "")
    story.press(newsletter(story, "ann@ann.example"), frequency="half_yearly")
    with app.database.writing() as session:
        campaign = world.sending(app, session)
        assert campaign.send_at is not None
    story.clock.at = campaign.send_at + timedelta(seconds=30)
    story.press(path, frequency="half_yearly")  # after the freeze, before the send
    story.mails()
    with app.database.reading() as session:
        mine = (Delivery.campaign_id == campaign.id, Delivery.contact_id.in_(ids))
        rows = session.scalars(select(Delivery).where(*mine))
        assert {(row.contact_id, row.status, row.reason) for row in rows} == {
            (ids[0], DeliveryStatus.SKIPPED, "chosen_frequency"),
            (ids[1], DeliveryStatus.SKIPPED, "chosen_frequency"),
        }
        sent = select(func.count()).where(Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.SENT)
        assert session.scalar(sent) == 3
