"""What the commands of `outreach campaign` share: what they take and print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from outreach.campaigns.checking import Checked
from outreach.campaigns.life import shown_time
from outreach.campaigns.progress import CampaignProgress
from outreach.commands.door import counted, print_json, print_table
from outreach.models import Campaign

name_argument = click.argument("name")


def summary(campaign: Campaign) -> dict[str, Any]:
    """Return what a list or a step tells of a campaign."""
    return {
        "name": campaign.name,
        "title": campaign.title,
        "status": campaign.status,
        "segment": campaign.segment,
        "template": campaign.template,
        "topic": campaign.topic,
        "send_at": campaign.send_at,
        "pause_kind": campaign.pause_kind,
        "pause_reason": campaign.pause_reason,
        "created_by": campaign.created_by,
        "created_at": campaign.created_at,
        "submitted_by": campaign.submitted_by,
        "submitted_at": campaign.submitted_at,
        "scheduled_by": campaign.scheduled_by,
        "scheduled_at": campaign.scheduled_at,
        "frozen_at": campaign.frozen_at,
        "finished_at": campaign.finished_at,
        "simulated": campaign.simulated,
    }


def told(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return a summary as rows for people."""
    rows = [(key, value) for key, value in facts.items() if value]
    return [(key, shown_time(value) if isinstance(value, datetime) else value) for key, value in rows]


def print_step(campaign: Campaign, as_json: bool, hint: str = "", **counts: int) -> None:
    """Print the state that a step led to."""
    if as_json:
        print_json({**summary(campaign), **counts})
        return
    click.echo(f"{campaign.name}: {campaign.status.value}")
    if hint:
        click.echo(hint)


def checked_data(checked: Checked) -> dict[str, Any]:
    """Return what a check found, without the parts themselves."""
    return {
        "name": checked.name,
        "ok": not checked.reasons,
        "reasons": [asdict(reason) for reason in checked.reasons],
        "warnings": [asdict(warning) for warning in checked.warnings],
        "send_at": checked.send_at,
        "wished_at": checked.wished_at,
        "audience": asdict(checked.audience) if checked.audience else None,
        "cohorts": checked.cohorts,
    }


def print_checked(checked: Checked) -> None:
    """Print what a check found."""
    if checked.send_at is not None:
        moved = f"; {shown_time(checked.wished_at)} is outside office hours or a holiday" if checked.moved else ""
        click.echo(f"time: {shown_time(checked.send_at)}{moved}")
    if checked.audience is not None:
        audience = checked.audience
        click.echo(
            f"audience: {counted(audience.contacts, 'contact')}; {audience.mailable:,} will be mailed, "
            f"at {counted(audience.companies, 'company', 'companies')}, in {counted(checked.cohorts, 'cohort')}"
        )
        for reason, count in audience.by_reason.items():
            click.echo(f"  not mailed: {count} {reason}")
    for warning in checked.warnings:
        click.echo(f"warning: {plain(warning.text)}")
    for refused in checked.reasons:
        click.echo(f"refused: {plain(refused.text)}")
    if not checked.reasons:
        click.echo(f"{checked.name}: nothing keeps it from being sent")


def print_progress(found: CampaignProgress) -> None:
    """Print how far a campaign is."""
    state = found.status.value + (" (simulated)" if found.simulated else "")
    click.echo(f"{found.name}: {state}")
    if found.send_at:
        click.echo(f"time: {shown_time(found.send_at)}")
    if found.pause_reason:
        click.echo(f"waits because: {found.pause_reason}")
    if found.frozen_at is None:
        click.echo("sending has not started")
        return
    rows = []
    for status, count in found.counts.items():
        if count:
            why = ", ".join(f"{number} {reason}" for reason, number in found.reasons.get(status, {}).items())
            rows.append((status, count, why))
    print_table(("deliveries", "count", "reasons"), [*rows, ("audience", found.audience, "")])
    if found.remaining:
        ends = f", done about {shown_time(found.ends_at)}" if found.ends_at else ""
        click.echo(f"{found.remaining} to go, {found.per_minute:g} a minute{ends}")
    for status, kinds in found.by_class.items():
        click.echo(f"{status}, by what the relay said: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    if len(found.by_provider) > 1:
        for provider, counts in found.by_provider.items():
            click.echo(f"to {provider}: " + ", ".join(f"{n} {status}" for status, n in counts.items()))
    if found.canary is not None and found.canary.passed_at is None:
        click.echo(f"{found.canary.size} go first; the others wait until these are judged")
    if found.next_retry_at:
        click.echo(f"next retry: {shown_time(found.next_retry_at)}")
    if not found.holds:
        click.echo("the statuses do not add up to the audience: please report this")


def plain(text: str) -> str:
    """Return a text without the control characters that would steer a terminal."""
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)
