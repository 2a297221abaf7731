"""How fast mail may go: what every sender shares about relays and recipients' providers, and each campaign's canary."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import PrimaryKey, Table, words


class PaceOf(StrEnum):
    RELAY = "relay"
    PROVIDER = "provider"


class Pace(Table):
    """The permits of a relay or a provider, of which every sender takes a few at a time; times in epoch seconds.

    Seconds and not moments: on PostgreSQL they are told by the database's own clock, so that hosts agree.
    """

    __tablename__ = "pace"

    id: Mapped[PrimaryKey]
    kind: Mapped[PaceOf] = mapped_column(words(PaceOf, "pace_of"))
    name: Mapped[str] = mapped_column(String(300))
    level: Mapped[float] = mapped_column(Float, default=0.0)  # permits that were left at `filled_at`
    filled_at: Mapped[float] = mapped_column(Float, default=0.0)
    share: Mapped[float] = mapped_column(Float, default=1.0)  # of the set rate, used now
    base: Mapped[float | None] = mapped_column(
        Float
    )  # messages a second that `share` counts from, where no rate is set
    slowed_at: Mapped[float | None] = mapped_column(Float)
    reply: Mapped[str | None] = mapped_column(Text)  # the words that slowed it, address masked
    counted: Mapped[int] = mapped_column(default=0)  # granted since `counted_since`, by which `speed` is measured
    counted_since: Mapped[float] = mapped_column(Float, default=0.0)
    speed: Mapped[float] = mapped_column(Float, default=0.0)  # messages a second, as last measured

    __table_args__ = (Index("uq_pace", "kind", "name", unique=True),)


class RelayDay(Table):
    """How many messages a relay was given on a day in Brussels, and its ceiling of that day; None = it had none."""

    __tablename__ = "relay_day"

    relay: Mapped[str] = mapped_column(String(300), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    granted: Mapped[int] = mapped_column(default=0)
    ceiling: Mapped[int | None]


class Canary(Table):
    """A delivery that goes first: until a campaign's canary is judged, none of the others does."""

    __tablename__ = "canary"

    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), index=True)


class CampaignWatch(Table):
    """What is watched while a campaign is sent: how its canary does, and which counts a person has accepted."""

    __tablename__ = "campaign_watch"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    canary: Mapped[int] = mapped_column(default=0)  # how many go first; 0 = none
    canary_minutes: Mapped[int] = mapped_column(default=0)
    canary_out_at: Mapped[datetime | None]  # when the last of them had been tried
    canary_passed_at: Mapped[datetime | None]
    accepted: Mapped[dict[str, int] | None] = mapped_column(JSON)  # counts at the last pause that a person ended
