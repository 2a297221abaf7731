"""The newsletters that anybody may read: one version of a campaign, made for no cohort and with nothing of a person.

Whether a campaign gets one is what its file says (`archive: true`), approved with all the rest; a person can publish or
withdraw it later. It is made from the frozen copy, with services that suit all of Flanders first, and with links of its
own that say the campaign and nothing more. It is shown once the campaign was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from outreach.campaigns import life
from outreach.campaigns.composing import browser_fields, compose
from outreach.campaigns.content import Content, Target, choose_content, with_codes
from outreach.campaigns.frozen import Frozen
from outreach.catalogue import matching
from outreach.catalogue.matching import Cell, Fallback
from outreach.emails.rendering import Renderer
from outreach.errors import Refusal
from outreach.links import Links, new_code
from outreach.models import Campaign, CampaignStatus, Edition, Link

# No province and no sector: chosen is what serves all Flemish provinces and suits every sector, then whatever there is.
NOBODY_IN_PARTICULAR: tuple[Cell, ...] = ((None, None),)

_WHY = {
    "nl": "Dit is de openbare versie van een nieuwsbrief. Wie ze per mail kreeg, leest in die mail waarom.",
    "en": "This is the public version of a newsletter. Whoever got it by mail reads there why.",
}


@dataclass(frozen=True)
class EditionCard:
    """A public newsletter in the list: `code` names it for good, `sent_at` is when its campaign began."""

    name: str
    title: str
    summary: str
    language: str
    code: str
    sent_at: datetime
    published_at: datetime
    simulated: bool


def make(session: Session, campaign: Campaign, frozen: Frozen, *, links: Links, now: datetime) -> None:
    """Make the public version of a campaign, with its links."""
    gone = {candidate.id for candidate in frozen.candidates} - {each.id for each in matching.candidates(session)}
    exposure = matching.exposures_so_far(session)
    content = choose_content(_lenient(frozen), NOBODY_IN_PARTICULAR, exposure, gone)

    def code_for(target: Target) -> str:
        link = Link(
            code=new_code(),
            campaign_id=campaign.id,
            block=target.block,
            service_id=target.service_id,
            target=target.address,
        )
        session.add(link)
        return link.code

    content = with_codes(frozen, content, links, code_for)
    session.add(Edition(campaign_id=campaign.id, code=new_code(), content=content.to_json(), published_at=now))
    session.flush()


def publish(session: Session, name: str, *, links: Links, now: datetime) -> bool:
    """Let anybody read a campaign that was sent; False if anybody may already."""
    campaign = life.find(session, name)
    if campaign.status is not CampaignStatus.SENT:
        raise Refusal(f"campaign {name!r} is {campaign.status.value}: only what was sent can be read by everybody")
    if session.get(Edition, campaign.id) is None:
        approval = life.live_approval(session, campaign.id)
        if approval is None:
            raise Refusal(f"campaign {name!r} has no approval in force, so there is no copy to show")
        make(session, campaign, Frozen.from_json(approval.frozen), links=links, now=now)
        return True
    gone = Edition.withdrawn_at.is_not(None)
    again = update(Edition).where(Edition.campaign_id == campaign.id, gone)
    return session.connection().execute(again.values(withdrawn_at=None, published_at=now)).rowcount == 1


def withdraw(session: Session, name: str, *, now: datetime) -> bool:
    """Take a newsletter out of the archive, for good or until it is published again; False if it isn't in it."""
    campaign = life.find(session, name)
    shown = Edition.withdrawn_at.is_(None)
    gone = update(Edition).where(Edition.campaign_id == campaign.id, shown).values(withdrawn_at=now)
    return session.connection().execute(gone).rowcount == 1


def listed(session: Session, *, simulated: bool = False) -> list[EditionCard]:
    """Return the public newsletters, the latest first; those of a simulation only where all is one."""
    rows = session.execute(_shown(simulated).order_by(Campaign.frozen_at.desc(), Campaign.id.desc()))
    return [_card(edition, campaign) for edition, campaign in rows]


def read(session: Session, name: str, *, links: Links, simulated: bool = False) -> str | None:
    """Return the page of a public newsletter; None if there is none of this name."""
    row = session.execute(_shown(simulated).where(Campaign.name == name)).first()
    approval = life.live_approval(session, row[1].id) if row else None
    if row is None or approval is None:
        return None
    frozen = Frozen.from_json(approval.frozen)
    content = Content.from_json(row[0].content)
    model = compose(frozen, NOBODY_IN_PARTICULAR, content, links, links.edition(name))
    fields = replace(browser_fields(frozen.spec.language, links), why=_WHY[frozen.spec.language])
    return Renderer(frozen.template).render(model, fields).html


def _shown(simulated: bool) -> Select[Edition, Campaign]:
    query = select(Edition, Campaign).join(Campaign, Campaign.id == Edition.campaign_id)
    query = query.where(Campaign.status == CampaignStatus.SENT, Edition.withdrawn_at.is_(None))
    return query if simulated else query.where(Campaign.simulated.is_(False))


def _card(edition: Edition, campaign: Campaign) -> EditionCard:
    assert campaign.frozen_at is not None  # it was sent
    spec = campaign.spec
    return EditionCard(
        name=campaign.name,
        title=campaign.title,
        summary=spec.get("preheader") or spec.get("subject") or "",
        language=spec.get("language", "nl"),
        code=edition.code,
        sent_at=campaign.frozen_at,
        published_at=edition.published_at,
        simulated=campaign.simulated,
    )


def _lenient(frozen: Frozen) -> Frozen:
    """Return the copy with blocks that take what there is: nobody's province can be met exactly."""
    blocks = [block.model_copy(update={"fallback": Fallback.ANY_SECTOR}) for block in frozen.spec.spotlights]
    return replace(frozen, spec=frozen.spec.model_copy(update={"spotlights": blocks}))
