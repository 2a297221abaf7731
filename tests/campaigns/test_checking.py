"""The check: every reason at once, and nothing that may go is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import world
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import checking, reviewing
from outreach.campaigns.checking import Checked, CheckFailed
from outreach.models import CampaignStatus, Service


@pytest.fixture
def session(app: App) -> Iterator[Session]:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 5, key=app.suppression_key, now=app.now())
        world.add_segment(app.project)
        yield session


def examine(app: App, session: Session, **changes: object) -> Checked:
    return checking.examine(session, world.spec(**changes), sources=app.sources, now=app.now())


def said(checked: Checked) -> str:
    return "\n".join(reason.text for reason in checked.reasons)


def test_a_good_campaign_has_no_reason_against_it(app: App, session: Session) -> None:
    checked = examine(app, session)
    assert checked.reasons == ()
    assert checked.audience is not None
    assert (checked.audience.contacts, checked.audience.mailable, checked.cohorts) == (9, 6, 1)
    assert not checked.moved


def test_every_reason_is_given_at_once(app: App, session: Session) -> None:
    sender = app.settings.sender.model_copy(update={"name": "", "enterprise_number": "0203.201.341"})
    app = replace(app, settings=app.settings.model_copy(update={"sender": sender}))
    spotlights = [{"block": "a", "services": ["dienst-1-9"]}]
    checked = examine(app, session, template="nosuch", segment="nobody", send_at=None, spotlights=spotlights)
    assert {reason.code for reason in checked.reasons} == {"time", "sender", "file", "spotlights"}
    text = said(checked)
    for part in ("no time is set", "[sender] name is empty", "enterprise_number", "nosuch", "nobody", "did you mean"):
        assert part in text


def test_submitting_is_refused_with_all_of_them(app: App, session: Session) -> None:
    campaign = world.draft(app, session, template="nosuch", send_at="2020-01-01 10:00")
    with pytest.raises(CheckFailed) as failed:
        reviewing.submit(session, campaign, sources=app.sources, by="x", now=app.now())
    assert len(failed.value.reasons) == 2
    assert campaign.status is CampaignStatus.DRAFT


def test_a_time_in_the_past_is_refused(app: App, session: Session) -> None:
    assert "is past" in said(examine(app, session, send_at="2026-11-24 10:00"))
    assert examine(app, session, send_at="2026-11-24 10:01").reasons == ()


def test_office_hours_are_shown_to_the_author(app: App, session: Session) -> None:
    checked = examine(app, session, send_at="2026-12-25 10:00", office_hours=True)
    assert checked.moved
    assert str(checked.send_at) == "2026-12-28 08:00:00+00:00"


def test_an_empty_segment_and_one_nobody_of_may_be_mailed_are_told_apart(app: App, session: Session) -> None:
    world.add_segment(app.project, "none", "tag: niemand\n")
    assert "the segment holds nobody" in said(examine(app, session, segment="none"))
    world.add_segment(app.project, "role", "kind: role\n")
    company = world.add_company(session, app.now())
    world.add_contact(
        session,
        company,
        "info@leeg.example",
        key=app.suppression_key,
        now=app.now(),
        basis=None,
        kind=world.AddressKind.ROLE,
    )
    text = said(examine(app, session, segment="role"))
    assert "none of the 1 contacts of the segment may be mailed: 1 no_legal_basis" in text


def test_an_authority_may_not_mail_role_addresses(app: App, session: Session) -> None:
    company = world.add_company(session, app.now())
    world.add_contact(
        session,
        company,
        "info@rol.example",
        key=app.suppression_key,
        now=app.now(),
        basis=world.Basis.ROLE_ADDRESS,
        kind=world.AddressKind.ROLE,
    )
    world.add_segment(app.project, "role", "kind: role\n")
    assert examine(app, session, segment="role").reasons == ()
    sender = app.settings.sender.model_copy(update={"type": "authority"})
    app = replace(app, settings=app.settings.model_copy(update={"sender": sender}))
    assert "may be mailed: 1 no_legal_basis" in said(examine(app, session, segment="role"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"intro": "[klik](javascript:alert(1))"}, "javascript"),
        ({"subject": "{{ first_name.__class__ }}"}, "subject"),
        ({"subject": "{{ nosuch }}"}, "nosuch"),
        ({"intro": "é" * 20_000, "closing": "é" * 20_000}, "Gmail cuts it off"),
    ],
)
def test_texts_that_would_harm_are_refused(app: App, session: Session, changes: dict[str, str], reason: str) -> None:
    assert reason in said(examine(app, session, **changes))


def test_a_service_that_takes_no_customers_is_refused_by_name(app: App, session: Session) -> None:
    service = session.query(Service).filter_by(slug="dienst-1-1").one()
    service.taking_customers = False
    session.flush()
    spotlights = [{"block": "a", "services": ["dienst-1-1"]}]
    assert "service 'dienst-1-1' isn't in the catalogue, or takes no customers" in said(
        examine(app, session, spotlights=spotlights)
    )


def test_fewer_services_than_asked_for_is_a_warning_unless_the_author_refuses_it(app: App, session: Session) -> None:
    asked = {"block": "a", "count": 9}
    warned = examine(app, session, spotlights=[{**asked, "fallback": "fewer"}])
    assert warned.reasons == ()
    assert "1 of 1 cohorts get fewer than 9 services" in warned.warnings[-1].text
    assert "9 services asked, 6 fit" in said(examine(app, session, spotlights=[{**asked, "fallback": "refuse"}]))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("pictures/gone.png", None, "cannot be read"),
        ("../outside.png", b"\x89PNG\r\n\x1a\n", "lies outside the project folder"),
        ("pictures/x.png", b"<svg/>", "is no PNG, JPEG or GIF"),
        ("pictures/x.png", b"\x89PNG\r\n\x1a\n" + b"0" * 2_000_000, "is over 2 MB"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused(
    app: App, session: Session, name: str, data: bytes | None, reason: str
) -> None:
    (app.project / "pictures").mkdir()
    if data is not None:
        (app.project / name).write_bytes(data)
    session.query(Service).filter_by(slug="dienst-1-1").one().picture = name
    session.flush()
    assert reason in said(examine(app, session))


def test_a_template_with_a_fault_is_named_with_file_and_line(app: App, session: Session) -> None:
    body = app.templates / "monthly" / "body.mjml"
    body.write_text(body.read_text().replace("{{ greeting }}", "{{ greting }}"))
    assert "templates/emails/monthly/body.mjml:9: unknown field 'greting'; did you mean 'greeting'?" in said(
        examine(app, session)
    )


def test_a_site_without_tls_is_a_warning(app: App, session: Session) -> None:
    assert any("https://" in warning.text for warning in examine(app, session).warnings)


def test_checking_leaves_no_trace(app: App, session: Session) -> None:
    for _ in range(2):
        examine(app, session)
    assert not session.new
    assert not session.dirty


def test_what_readers_cannot_use_in_the_texts_is_a_warning_with_its_line(app: App, session: Session) -> None:
    intro = "Dag.\n\n![kaart](pictures/groen.png)\n\nMeer: [hier](http://x.example/plan)."
    warned = "\n".join(warning.text for warning in examine(app, session, intro=intro).warnings)
    assert "campaign, intro, line 3: the picture 'pictures/groen.png' isn't shown" in warned
    assert "campaign, intro, line 5: the link 'hier' to 'http://x.example/plan' doesn't say where it leads" in warned
    assert "campaign, intro, line 5: the link to 'http://x.example/plan' goes without encryption" in warned
    assert warned.count("http://x.example/plan") == 2


def test_a_subject_may_name_the_company_and_an_unknown_field_is_explained(app: App, session: Session) -> None:
    assert examine(app, session, subject="Diensten voor {{ company }}").reasons == ()
    assert "unknown field 'voornaam'; did you mean 'first_name'?" in said(
        examine(app, session, subject="Dag {{ voornaam }}")
    )


def test_a_copy_keeps_the_name_of_the_newsletter(app: App, session: Session) -> None:
    site = app.settings.site.model_copy(update={"name": "Vlijt", "tagline": "dichtbij"})
    app = replace(app, settings=app.settings.model_copy(update={"site": site}))
    frozen = examine(app, session).frozen
    assert frozen is not None
    assert (frozen.sender.brand, frozen.sender.tagline) == ("Vlijt", "dichtbij")
