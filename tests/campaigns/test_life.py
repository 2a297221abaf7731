"""The states of a campaign: who may take which step, and what an edit undoes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import world
from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import life, reviewing, starting
from outreach.campaigns.checking import CheckFailed
from outreach.campaigns.frozen import Frozen
from outreach.errors import NotFound, Refusal
from outreach.models import Approval, Campaign, CampaignChange, CampaignStatus, PauseKind
from outreach.settings import SendingSettings


@pytest.fixture
def session(app: App) -> Session:
    """A session on a database with the catalogue and the cast, in one transaction that the test owns."""
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 5, key=app.suppression_key, now=app.now())
        yield session


def submit(app: App, session: Session, campaign: Campaign, by: str = world.AUTHOR) -> None:
    reviewing.submit(session, campaign, sources=app.sources, by=by, now=app.now())


def approve(app: App, session: Session, campaign: Campaign, by: str = world.COLLEAGUE) -> Approval:
    return reviewing.approve(session, campaign, sources=app.sources, by=by, now=app.now())


def edit(app: App, session: Session, campaign: Campaign, **changes: object) -> None:
    life.edit(session, campaign, world.spec(**changes), sending=app.settings.sending, by=world.AUTHOR, now=app.now())


def test_the_straight_way_from_draft_to_sending(app: App, session: Session) -> None:
    campaign = world.sending(app, session)
    assert campaign.status is CampaignStatus.SENDING
    steps = [change.action for change in life.history(session, campaign)]
    assert steps == ["created", "submitted", "approved", "scheduled", "started"]


def test_two_campaigns_cannot_have_one_name(app: App, session: Session) -> None:
    world.draft(app, session)
    with pytest.raises(Refusal, match="exists already"):
        world.draft(app, session)


def test_who_submitted_a_campaign_does_not_approve_it(app: App, session: Session) -> None:
    campaign = world.draft(app, session)
    submit(app, session, campaign)
    with pytest.raises(Refusal, match="somebody else approves it"):
        approve(app, session, campaign, by=world.AUTHOR.upper())
    assert campaign.status is CampaignStatus.IN_REVIEW


def test_a_team_of_one_may_approve_its_own(app: App, session: Session) -> None:
    campaign = world.draft(app, session)
    submit(app, session, campaign)
    sources = app.sources
    alone = app.settings.model_copy(update={"sending": SendingSettings(approve_own=True)})
    sources = type(sources)(sources.project, alone, sources.links)
    reviewing.approve(session, campaign, sources=sources, by=world.AUTHOR, now=app.now())
    assert campaign.status is CampaignStatus.APPROVED


def test_approval_freezes_all_it_takes_to_make_the_mails(app: App, session: Session) -> None:
    approval = life.live_approval(session, world.approved(app, session).id)
    assert approval is not None
    frozen = Frozen.from_json(approval.frozen)
    assert frozen.template.body_mjml
    assert frozen.template.parts
    assert frozen.sender.name == "Federatie Voorbeeld"
    assert frozen.segment.name == "everyone"
    assert frozen.spec.intro.startswith("Dag")
    assert len(frozen.candidates) == 6
    assert approval.audience_count == 9
    assert approval.mailable_count == 6


@pytest.mark.parametrize("part", ["template", "segment", "sender", "services"])
def test_what_changed_since_submission_is_not_approved(app: App, session: Session, part: str) -> None:
    campaign = world.draft(app, session)
    submit(app, session, campaign)
    sources = app.sources
    if part == "template":
        body = app.templates / "monthly" / "body.txt"
        body.write_text(body.read_text() + "\nnieuw\n")
    elif part == "segment":
        world.add_segment(app.project, rule="kind: [personal, role]\n")
    elif part == "sender":
        sender = app.settings.sender.model_copy(update={"name": "Iemand anders"})
        settings = app.settings.model_copy(update={"sender": sender})
        sources = type(sources)(app.project, settings, app.links)
    else:
        world.add_catalogue_service(session, app.now())
    with pytest.raises(Refusal, match=f"changed since it was submitted: {part}"):
        reviewing.approve(session, campaign, sources=sources, by=world.COLLEAGUE, now=app.now())
    assert life.live_approval(session, campaign.id) is None
    if part != "sender":
        submit(app, session, campaign)
        approve(app, session, campaign)
        assert campaign.status is CampaignStatus.APPROVED


@pytest.mark.parametrize("state", ["in_review", "approved", "scheduled"])
def test_any_edit_also_of_the_time_voids_the_approval(app: App, session: Session, state: str) -> None:
    campaign = world.draft(app, session)
    submit(app, session, campaign)
    if state != "in_review":
        approve(app, session, campaign)
    if state == "scheduled":
        life.schedule(session, campaign, by=world.COLLEAGUE, now=app.now())
    edit(app, session, campaign, send_at="2026-12-01 11:00")
    assert campaign.status is CampaignStatus.DRAFT
    assert life.live_approval(session, campaign.id) is None
    assert campaign.submitted_by is None
    voided = session.scalars(select(Approval)).all()
    assert [bool(approval.voided_at) for approval in voided] == ([] if state == "in_review" else [True])
    assert life.history(session, campaign)[-1].action == "edited"


def test_once_sending_has_started_nothing_can_be_edited(app: App, session: Session) -> None:
    campaign = world.sending(app, session)
    with pytest.raises(Refusal, match="sending has started"):
        edit(app, session, campaign, title="Anders")
    life.pause(session, campaign, by=world.AUTHOR, now=app.now())
    with pytest.raises(Refusal, match="sending has started"):
        edit(app, session, campaign, title="Anders")
    assert life.live_approval(session, campaign.id) is not None


def test_a_campaign_paused_before_its_start_can_be_edited(app: App, session: Session) -> None:
    campaign = world.scheduled(app, session)
    life.pause(session, campaign, by=world.AUTHOR, now=app.now())
    edit(app, session, campaign, title="Anders")
    assert campaign.status is CampaignStatus.DRAFT
    assert campaign.pause_reason is None


def test_scheduling_in_the_past_is_refused(app: App, session: Session) -> None:
    campaign = world.approved(app, session)
    assert campaign.send_at is not None
    with pytest.raises(Refusal, match="is past"):
        life.schedule(session, campaign, by=world.COLLEAGUE, now=campaign.send_at + timedelta(seconds=1))
    assert campaign.status is CampaignStatus.APPROVED


def test_a_step_that_the_state_does_not_allow_names_the_state_and_the_way_out(app: App, session: Session) -> None:
    campaign = world.draft(app, session)
    steps = (life.schedule, life.pause, life.resume)
    for step in steps:
        with pytest.raises(Refusal, match=r"is draft and can't be .*: submit, edit or cancel it"):
            step(session, campaign, by="x", now=app.now())
    with pytest.raises(Refusal, match="is draft and can't be approved"):
        approve(app, session, campaign)


def test_a_second_press_on_send_changes_nothing(app: App, session: Session) -> None:
    campaign = world.scheduled(app, session)
    with pytest.raises(Refusal, match="is scheduled and can't be scheduled"):
        life.schedule(session, campaign, by=world.COLLEAGUE, now=app.now())
    assert isinstance(world.start(app, session, campaign), starting.Started)
    assert world.start(app, session, campaign) is None
    actions = [change.action for change in session.scalars(select(CampaignChange))]
    assert actions.count("started") == 1


def test_a_pause_by_a_person_is_resumed_to_where_it_was(app: App, session: Session) -> None:
    campaign = world.scheduled(app, session)
    life.pause(session, campaign, by="x", now=app.now(), reason="wacht op foto")
    assert campaign.pause_kind is PauseKind.PERSON
    assert campaign.pause_reason == "wacht op foto"
    life.resume(session, campaign, by="x", now=app.now())
    assert campaign.status is CampaignStatus.SCHEDULED
    world.start(app, session, campaign)
    session.refresh(campaign)
    life.pause(session, campaign, by="x", now=app.now())
    life.resume(session, campaign, by="x", now=app.now())
    assert campaign.status is CampaignStatus.SENDING


@pytest.mark.parametrize("state", ["draft", "in_review", "approved", "scheduled", "paused", "sending"])
def test_a_campaign_can_be_cancelled_at_any_moment(app: App, session: Session, state: str) -> None:
    campaign = world.draft(app, session)
    if state != "draft":
        submit(app, session, campaign)
    if state in ("approved", "scheduled", "paused", "sending"):
        approve(app, session, campaign)
    if state in ("scheduled", "paused", "sending"):
        life.schedule(session, campaign, by=world.COLLEAGUE, now=app.now())
    if state == "sending":
        world.start(app, session, campaign)
        session.refresh(campaign)
    if state == "paused":
        life.pause(session, campaign, by="x", now=app.now())
    life.cancel(session, campaign, by="x", now=app.now())
    assert campaign.status is CampaignStatus.CANCELLED
    with pytest.raises(Refusal, match="is cancelled"):
        life.cancel(session, campaign, by="x", now=app.now())
    with pytest.raises(Refusal, match="copy it to start again"):
        edit(app, session, campaign)


def test_a_copy_is_a_draft_without_a_time(app: App, session: Session) -> None:
    campaign = world.sending(app, session)
    made = life.copy(session, campaign, "januari-2027", sending=app.settings.sending, by="x", now=app.now())
    assert (made.status, made.send_at, made.title) == (CampaignStatus.DRAFT, None, campaign.title)
    with pytest.raises(CheckFailed, match="no time is set"):
        submit(app, session, made)
    with pytest.raises(Refusal, match="no campaign name"):
        life.copy(session, campaign, "Januari 2027", sending=app.settings.sending, by="x", now=app.now())


def test_a_campaign_that_is_not_there_names_those_that_are(app: App, session: Session) -> None:
    world.draft(app, session)
    with pytest.raises(NotFound, match="there are: december-2026"):
        life.find(session, "decmber-2026")


def test_of_two_who_approve_at_once_one_wins(app: App, session: Session) -> None:
    campaign = world.draft(app, session)
    submit(app, session, campaign)
    approve(app, session, campaign)
    with pytest.raises(Refusal, match="is approved and can't be approved"):
        approve(app, session, campaign, by="third@federatie.example")
    assert len(session.scalars(select(Approval)).all()) == 1
