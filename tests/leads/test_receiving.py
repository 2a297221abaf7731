from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, update

from outreach.app import App
from outreach.errors import NotFound, Refusal
from outreach.leads import receiving
from outreach.leads.evidence import touches_of
from outreach.leads.receiving import LeadForm
from outreach.links import Purpose
from outreach.models import Channel, DeliveryStatus, Evidence, Lead, LeadStage, OutboxMail
from tests.conftest import NOW
from tests.leads.world import World


@contextmanager
def world(app: App) -> Iterator[World]:
    with app.database.writing() as session:
        yield World(session, app.suppression_key)


def form(service: Any, **given: Any) -> LeadForm:
    values = {"company_name": "Bakkerij Jansen", "person": "Ann Jansen", "email": "ann@jansen.example"}
    return LeadForm(service_id=service.id, **(values | {"message": "Graag een offerte."} | given))


def receive(app: App, w: World, given: LeadForm, code: str | None = None, now: datetime = NOW, **more: Any) -> Lead:
    return receiving.receive(
        w.session,
        given,
        code=code,
        channel=Channel.FORM,
        links=app.links,
        settings=app.settings,
        now=now,
        suppression_key=app.suppression_key,
        **more,
    )


def call(app: App, w: World, given: LeadForm, at: datetime = NOW, **more: Any) -> Lead:
    return receiving.add(
        w.session,
        given,
        channel=Channel.CALL,
        happened_at=at,
        actor="test",
        links=app.links,
        settings=app.settings,
        now=NOW,
        suppression_key=app.suppression_key,
        **more,
    )


def mails(w: World) -> list[EmailMessage]:
    rows = w.session.scalars(select(OutboxMail).order_by(OutboxMail.id))
    return [message_from_bytes(row.message, policy=policy.default) for row in rows]  # type: ignore[misc]


def shown(w: World, address: str = "ann@jansen.example", at: datetime = NOW - timedelta(days=10)) -> Any:
    """A service, a campaign that showed it to a company, and the code of its link."""
    service = w.service(w.enterprise())
    company = w.company()
    campaign = w.campaign("herfst")
    cohort = w.cohort(campaign, [service])
    w.delivery(campaign, w.contact(company, address), cohort, at=at)
    return service, company, campaign, w.link(campaign, cohort, service)


def test_the_code_that_the_form_carries_says_which_campaign_led_to_the_lead(both: App) -> None:
    with world(both) as w:
        service, company, campaign, link = shown(w)
        lead = receive(both, w, form(service), link.code)
        assert (lead.evidence, lead.campaign_id, lead.link_id) == (Evidence.CODE, campaign.id, link.id)
        assert (lead.company_id, lead.stage) == (company.id, LeadStage.NEW)


def test_without_a_code_a_showing_within_the_window_is_evidence(both: App) -> None:
    with world(both) as w:
        service, _, campaign, _ = shown(w)
        lead = receive(both, w, form(service))
        assert (lead.evidence, lead.campaign_id, lead.link_id) == (Evidence.SHOWN, campaign.id, None)
        other = w.service(service.enterprise, "Iets anders")
        assert receive(both, w, form(other)).evidence is Evidence.NONE
        whole = call(
            both, w, LeadForm("Bakkerij Jansen", enterprise_id=service.enterprise_id, email="ANN@jansen.example")
        )
        assert whole.evidence is Evidence.SHOWN


def test_a_showing_before_the_window_or_after_the_lead_or_never_sent_is_no_evidence(both: App) -> None:
    with world(both) as w:
        service, company, campaign, _ = shown(w, at=NOW - timedelta(days=91))
        assert receive(both, w, form(service)).evidence is Evidence.NONE
        later = w.campaign("later")
        cohort = w.cohort(later, [service])
        contact = w.contact(company, "bob@jansen.example")
        w.delivery(later, contact, cohort, at=NOW + timedelta(hours=1))
        w.delivery(w.campaign("nooit"), contact, cohort, DeliveryStatus.SKIPPED)
        assert receive(both, w, form(service, message="Nog eens")).evidence is Evidence.NONE
        assert campaign.id


def test_a_code_that_no_campaign_has_proves_nothing(app: App) -> None:
    with world(app) as w:
        lead = receive(app, w, form(w.service(w.enterprise())), "bcdfghjkmnpq")
        assert (lead.evidence, lead.campaign_id, lead.company_id) == (Evidence.NONE, None, None)


def test_what_the_company_declares_is_stronger_than_what_it_was_shown(app: App) -> None:
    with world(app) as w:
        service, _, _, _ = shown(w)
        fair = w.campaign("beurs")
        lead = call(app, w, form(service), declared_campaign="beurs")
        assert (lead.evidence, lead.campaign_id) == (Evidence.DECLARED, fair.id)
        with pytest.raises(NotFound, match="'nergens' is no campaign"):
            call(app, w, form(service), declared_campaign="nergens")


def test_the_company_is_found_by_its_number_before_the_address(app: App) -> None:
    with world(app) as w:
        service, company, _, _ = shown(w)
        other = w.company("Drukkerij Peeters")
        number = f"BE {other.enterprise_number}"
        assert receive(app, w, form(service, enterprise_number=number)).company_id == other.id
        assert receive(app, w, form(service, email="Ann@JANSEN.example", message="2")).company_id == company.id
        foreign = form(service, enterprise_number="0203201340", message="3")
        assert receive(app, w, foreign).company_id is None


def test_a_mailbox_of_several_companies_names_none_of_them(app: App) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        for name in ("Een", "Twee"):
            w.contact(w.company(name), "boekhouder@kantoor.example")
        assert receive(app, w, form(service, email="boekhouder@kantoor.example")).company_id is None


def test_a_double_is_merged_and_keeps_the_strongest_evidence_and_every_word(both: App) -> None:
    with world(both) as w:
        service, _, campaign, link = shown(w)
        first = receive(both, w, form(service))
        second = receive(both, w, form(service, message="En ook dit."), link.code, NOW + timedelta(days=5))
        assert (second.stage, second.merged_into) == (LeadStage.MERGED, first.id)
        assert (first.evidence, first.campaign_id, first.link_id) == (Evidence.CODE, campaign.id, link.id)
        assert [lead.message for lead in (first, second)] == ["Graag een offerte.", "En ook dit."]
        third = receive(both, w, form(service, message="Weer zwakker"), now=NOW + timedelta(days=6))
        assert third.merged_into == first.id
        assert first.evidence is Evidence.CODE
        subjects = [mail["Subject"] for mail in mails(w)]
        assert [subject.split(" ")[0] for subject in subjects] == ["Nieuw", "Aanvulling", "Aanvulling"]
        assert "En ook dit." in mails(w)[1].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_stranger_with_our_number_changes_nothing_about_the_first_lead(app: App) -> None:
    with world(app) as w:
        service, company, _, link = shown(w)
        number = company.enterprise_number
        first = receive(app, w, form(service, enterprise_number=number))
        before = (first.evidence, first.campaign_id, first.link_id, first.service_id)
        forged = form(service, enterprise_number=number, email="dan@stranger.example", message="Van Dan")
        double = receive(app, w, forged, link.code)
        assert (double.stage, double.merged_into, double.evidence) == (LeadStage.MERGED, first.id, Evidence.CODE)
        assert (first.evidence, first.campaign_id, first.link_id, first.service_id) == before


def test_a_double_is_known_by_its_address_in_whatever_spelling(app: App) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        first = receive(app, w, form(service, email="jan@bücher.example"))
        second = receive(app, w, form(service, email="JAN@xn--bcher-kva.example", company_name="Anders"))
        assert second.merged_into == first.id


def test_a_button_pressed_twice_makes_one_notice(both: App) -> None:
    with world(both) as w:
        service, _, _, _ = shown(w)
        receive(both, w, form(service))
        assert receive(both, w, form(service), now=NOW + timedelta(seconds=2)).stage is LeadStage.MERGED
        assert len(mails(w)) == 1


@pytest.mark.parametrize(
    ("days", "change"),
    [(31, {}), (1, {"email": "info@jansen.test", "company_name": "Jansen Bouw"}), (1, {"service": "other"})],
)
def test_another_time_company_or_service_is_no_double(app: App, days: int, change: dict[str, Any]) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        receive(app, w, form(service))
        if change.pop("service", None):
            service = w.service(service.enterprise, "Anders")
        again = receive(app, w, form(service, **change), now=NOW + timedelta(days=days))
        assert again.stage is LeadStage.NEW


def test_a_refused_lead_takes_no_doubles(app: App) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        lead = receive(app, w, form(service))
        receiving.refuse(w.session, lead.id, by="enterprise", note="spam", now=NOW)
        assert receive(app, w, form(service)).stage is LeadStage.NEW


def test_a_simulated_lead_is_never_merged_with_a_real_one_and_its_notice_says_so(app: App) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        receive(app, w, form(service), simulated=True)
        assert receive(app, w, form(service)).stage is LeadStage.NEW
        simulated = mails(w)[0]
        assert simulated["Subject"].startswith("[simulatie]")
        assert "SIMULATIE" in simulated.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "Simulatie" in simulated.get_body(("html",)).get_content()  # type: ignore[union-attr]


@pytest.mark.postgres
def test_two_forms_sent_at_once_on_postgres_are_one_lead_and_its_double(
    project: Any, clock: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outreach.app import open_app

    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    with world(app) as w:
        given = form(w.service(w.enterprise()))
    barrier = threading.Barrier(4)

    def send() -> None:
        barrier.wait()
        with world(app) as w:
            receive(app, w, given)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world(app) as w:
        assert sorted(w.session.scalars(select(Lead.stage))) == ["merged", "merged", "merged", "new"]
        assert len(mails(w)) == 1
    app.close()


def test_the_notice_reaches_the_enterprise_and_is_answered_to_the_person(app: App) -> None:
    with world(app) as w:
        service, _, _, link = shown(w)
        lead = receive(app, w, form(service, phone="+32 9 123 45 67", wanted_when="Binnen een maand"), link.code)
        (mail,) = mails(w)
        assert mail["To"].addresses[0].addr_spec == "leads@debrug.example"
        assert mail["Reply-To"].addresses[0].addr_spec == "ann@jansen.example"
        assert mail["From"].addresses[0].addr_spec == app.settings.from_address
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Subject"] == "Nieuw contact van Bakkerij Jansen over Verpakken"
        page = app.links.lead(lead.id, lead.secret)
        assert app.links.read(Purpose.LEAD, page.rpartition("/")[2], lambda _: lead.secret) == lead.id
        for kind in ("plain", "html"):
            text = mail.get_body((kind,)).get_content()  # type: ignore[union-attr]
            for part in (
                page,
                "Ann Jansen",
                "ann@jansen.example",
                "+32 9 123 45 67",
                "Graag een offerte.",
                "24 november",
            ):
                assert part in text, (kind, part)


def test_html_and_header_lines_in_names_stay_text_in_the_notice(app: App) -> None:
    evil = {
        "company_name": "<script>alert(1)</script>\r\nBcc: bob@stranger.example",
        "person": 'Ann" <cleo@stranger.example>\r\nX-Evil: yes',
        "message": "<img src=x onerror=alert(1)>\r\n.\r\n<a href='http://evil.example'>klik</a>",
        "phone": "<b>1</b>",
        "wanted_when": "{{ links.key }}",
    }
    with world(app) as w:
        receive(app, w, form(w.service(w.enterprise("Brug\r\nCc: dan@stranger.example")), **evil))
        (mail,) = mails(w)
        assert set(mail.keys()) & {"Bcc", "Cc", "X-Evil"} == set()
        assert [address.addr_spec for address in mail["To"].addresses] == ["leads@debrug.example"]
        assert [address.addr_spec for address in mail["Reply-To"].addresses] == ["ann@jansen.example"]
        html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
        for tag in ("<script", "<img", "<b>", "href='http"):
            assert tag not in html
        assert "&lt;script&gt;" in html
        assert "{{ links.key }}" in html


@pytest.mark.parametrize("email", ["ann@jansen.example\r\nBcc: bob@x.example", "geen adres", "a@b@c.example", "@", ""])
def test_an_address_that_cannot_be_answered_is_shown_and_never_a_header(app: App, email: str) -> None:
    with world(app) as w:
        receive(app, w, form(w.service(w.enterprise()), email=email))
        (mail,) = mails(w)
        assert mail["Reply-To"] is None
        assert "Bcc" not in mail


def test_a_lead_is_kept_even_if_the_notice_cannot_be_written(app: App) -> None:
    with world(app) as w:
        lead = receive(app, w, form(w.service(w.enterprise(email="geen-adres"))))
        assert lead.id
        assert lead.notified_at is None
        assert mails(w) == []


def test_a_text_too_long_for_its_column_is_refused_before_anything_is_kept(both: App) -> None:
    with world(both) as w:
        service = w.service(w.enterprise())
        with pytest.raises(Refusal, match="phone has 41 characters"):
            receive(both, w, form(service, phone="1" * 41))
        receive(both, w, form(service, message="nul \0 erin", company_name="x" * 320))
        assert len(w.session.scalars(select(Lead)).all()) == 1


def test_confirming_is_done_once_and_says_so(both: App) -> None:
    with world(both) as w:
        lead = receive(both, w, form(w.service(w.enterprise())))
        assert receiving.confirm(w.session, lead.id, by="enterprise", note=" Klopt ", now=NOW)
        assert not receiving.confirm(w.session, lead.id, by="iemand anders", note=None, now=NOW)
        card = receiving.find(w.session, lead.id)
        assert (card.stage, card.decided_by, card.decision_note) == (LeadStage.CONFIRMED, "enterprise", "Klopt")
        with pytest.raises(Refusal, match="is confirmed by enterprise"):
            receiving.refuse(w.session, lead.id, by="enterprise", note=None, now=NOW)
        with pytest.raises(NotFound):
            receiving.confirm(w.session, 999, by="x", note=None, now=NOW)


def test_a_merged_lead_is_decided_on_through_the_one_it_was_merged_into(app: App) -> None:
    with world(app) as w:
        service = w.service(w.enterprise())
        first, second = receive(app, w, form(service)), receive(app, w, form(service))
        with pytest.raises(Refusal, match=f"merged into lead {first.id}"):
            receiving.confirm(w.session, second.id, by="x", note=None, now=NOW)


def test_each_reminder_goes_once_and_only_for_leads_that_wait(both: App) -> None:
    with world(both) as w:
        service = w.service(w.enterprise())
        waiting = receive(both, w, form(service))
        decided = receive(both, w, form(service, company_name="Ander", email="bob@ander.example"))
        call(both, w, form(service, company_name="Derde", email="dan@derde.example"), notify=False)
        receiving.confirm(w.session, decided.id, by="enterprise", note=None, now=NOW)
        sent = []
        for day in range(12):
            for _ in range(2):
                at = NOW + timedelta(days=day, hours=1)
                sent.append((day, receiving.remind_due(w.session, settings=both.settings, links=both.links, now=at)))
        assert [(day, count) for day, count in sent if count] == [(3, 1), (7, 1)]
        assert [mail["Subject"].split(" ")[0] for mail in mails(w)][-2:] == ["Herinnering:"] * 2
        w.session.refresh(waiting)
        assert waiting.reminders == 2


def test_after_a_standstill_one_reminder_goes_and_not_all_of_them(app: App) -> None:
    with world(app) as w:
        receive(app, w, form(w.service(w.enterprise())))
        late = NOW + timedelta(days=20)
        counts = [receiving.remind_due(w.session, settings=app.settings, links=app.links, now=late) for _ in range(3)]
        assert counts == [1, 0, 0]


def test_touches_are_the_campaigns_that_showed_the_service_first_one_first(both: App) -> None:
    with world(both) as w:
        service, company, _, _ = shown(w, at=NOW - timedelta(days=40))
        second = w.campaign("winter")
        cohort = w.cohort(second, [service])
        contact = w.contact(company, "bob@jansen.example")
        w.delivery(second, contact, cohort, at=NOW - timedelta(days=3))
        lead = receive(both, w, form(service))
        assert lead.campaign_id == second.id
        assert [touch.campaign for touch in touches_of(w.session, lead, timedelta(days=90))] == ["herfst", "winter"]


def test_a_service_of_another_enterprise_is_refused(app: App) -> None:
    with world(app) as w:
        service, other = w.service(w.enterprise()), w.enterprise("Ander")
        with pytest.raises(Refusal, match="not one of this enterprise"):
            receive(app, w, form(service, enterprise_id=other.id))
        with pytest.raises(NotFound):
            receive(app, w, LeadForm("Bakkerij"))


def test_the_database_refuses_a_merged_lead_without_the_lead_it_went_into(both: App) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), world(both) as w:
        lead = receive(both, w, form(w.service(w.enterprise())))
        w.session.execute(update(Lead).where(Lead.id == lead.id).values(stage=LeadStage.MERGED))
