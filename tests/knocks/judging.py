"""A played campaign in a real database, recorded through the same functions as the site's, judged, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from outreach import jobs
from outreach.app import App
from outreach.attempts import place_of
from outreach.campaigns import hits, visitors
from outreach.links import new_code
from outreach.models import (
    AddressKind,
    Campaign,
    CampaignStatus,
    Cohort,
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    Hit,
    HitKind,
    Link,
)
from outreach.web.sources import Sources

from .mails import Knock, Mail, MailedLink, World
from .playing import Family

PAGE = 500


@dataclass
class Score:
    """Hits by truth and verdict; `wrong` and `all` by family, `reasons` by family."""

    kept_humans: int = 0
    lost_humans: int = 0
    caught: int = 0
    missed: int = 0
    all: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def scanner_precision(self) -> float:
        return self.caught / (self.caught + self.lost_humans)

    @property
    def scanner_recall(self) -> float:
        return self.caught / (self.caught + self.missed)

    @property
    def human_precision(self) -> float:
        return self.kept_humans / (self.kept_humans + self.missed)

    @property
    def human_recall(self) -> float:
        return self.kept_humans / (self.kept_humans + self.lost_humans)

    def figures(self) -> dict[str, float]:
        names = ("scanner_precision", "scanner_recall", "human_precision", "human_recall")
        return {name: round(getattr(self, name), 4) for name in names}


def put_mails(session: Session, world: World, start: datetime) -> dict[int, str]:
    """Write the campaign of a world down as sent; return the code of each link."""
    campaign = Campaign(
        name="played", title="Played", segment="x", template="x", spec={}, status=CampaignStatus.SENT,
        created_by="test", created_at=start, send_at=start, frozen_at=start, simulated=False,
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    codes, cohort_ids = dict[int, str](), dict[int, int]()
    for number, links in enumerate(world.cohorts):
        cohort = Cohort(
            campaign_id=campaign.id, number=number, code=new_code(), cells=[], company_count=10, contact_count=10
        )
        session.add(cohort)
        session.flush()
        cohort_ids[number] = cohort.id
        for link in links:
            codes[link.number] = new_code()
            target = f"https://elders.example/{link.number}"
            values = {"campaign_id": campaign.id, "cohort_id": cohort.id, "block": "b", "target": target}
            session.execute(insert(Link).values(id=link.number + 1, code=codes[link.number], **values))
    _send(session, world.mails, campaign.id, cohort_ids, start)
    return codes


def _send(session: Session, mails: Iterable[Mail], campaign: int, cohorts: dict[int, int], start: datetime) -> None:
    companies, contacts, deliveries = dict[int, dict[str, object]](), [], []
    stamps = {"created_at": start, "updated_at": start}
    for id, mail in enumerate(mails, 1):
        name = f"bedrijf {mail.company}"
        companies[mail.company] = {"id": mail.company + 1, "name": name, "name_key": name, **stamps}
        contacts.append({"id": id, "company_id": mail.company + 1, "kind": AddressKind.ROLE, **stamps,
                         "address": f"c{id}@bedrijf.example", "address_domain": "bedrijf.example",
                         "address_hash": id.to_bytes(16, "big")})  # fmt: skip
        sent_at = start + timedelta(seconds=mail.sent)
        deliveries.append({"campaign_id": campaign, "contact_id": id, "company_id": mail.company + 1,
                           "cohort_id": cohorts[mail.cohort], "status": DeliveryStatus.SENT, "attempts": 1,
                           "sent_at": sent_at, "status_at": sent_at})  # fmt: skip
    connection = session.connection()
    connection.execute(insert(Company), list(companies.values()))
    connection.execute(insert(Contact), contacts)
    connection.execute(insert(Delivery), deliveries)


def record(app: App, knocks: list[Knock], codes: dict[int, str], start: datetime) -> None:
    """Write the requests down as the site does, in their order."""
    sources = Sources()
    for page in range(0, len(knocks), PAGE):
        requests = [_request(knock, codes[knock.link.number], start, sources) for knock in knocks[page : page + PAGE]]
        with app.database.writing() as session:
            hits.record(session, requests, hits.leading(session, {request.code for request in requests}))


def _request(knock: Knock, code: str, start: datetime, sources: Sources) -> hits.Request:
    at = start + timedelta(seconds=knock.at)
    signs = visitors.signs_of(knock.headers, secure=True)
    source = sources.number(place_of(knock.address), at)
    return hits.Request(code, knock.method, knock.headers.get("user-agent", ""), at, signs, source)


def judge(app: App, world: World, knocks: list[Knock], start: datetime) -> None:
    """Play, record, and judge as the scheduler does."""
    with app.database.writing() as session:
        codes = put_mails(session, world, start)
    record(app, knocks, codes, start)
    jobs.judge_hits(app)


def score(app: App, knocks: list[Knock]) -> Score:
    """Compare the verdicts, which are in the order of the requests, with what each truly was."""
    score = Score()
    with app.database.reading() as session:
        verdicts = session.scalars(select(Hit.kind).order_by(Hit.id)).all()
    for knock, kind in zip(knocks, verdicts, strict=True):
        human = kind is HitKind.HUMAN
        score.all[knock.family] += 1
        score.wrong[knock.family] += human is not knock.human
        score.kept_humans += human and knock.human
        score.lost_humans += knock.human and not human
        score.caught += not human and not knock.human
        score.missed += human and not knock.human
    return score


def only(families: Iterable[Family], *, held_back: bool) -> list[Family]:
    return [family for family in families if family.held_back is held_back]


__all__ = ["Mail", "MailedLink", "Random", "Score", "judge", "only", "put_mails", "record", "score"]
