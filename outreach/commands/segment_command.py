"""`outreach segment`: which segments there are, how many contacts each has, and why the others drop out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from outreach.app import App
from outreach.audience import segments
from outreach.audience.eligibility import Policy, policy_of
from outreach.belgium.places import PROVINCES
from outreach.commands.door import Door, counted, json_option, print_json, print_table
from outreach.errors import Refusal

topic_option = click.option("--topic", help="Count as for a mail about this topic: who left it drops out.")


@click.group()
def command() -> None:
    """List, count, sample and explain segments."""


@command.command("list")
@json_option
@click.pass_obj
def list_segments(door: Door, as_json: bool) -> int:
    """List the segments of the project, faulty ones with what is wrong; exit code 1 if there are such."""
    with door.open() as app:
        listed = [_listed(app.segments, name) for name in segments.available(app.segments)]
        if as_json:
            print_json(listed)
        elif not listed:
            click.echo(f"no segments yet: write one in {app.segments}, see docs/segments.md")
        else:
            print_table(["name", "title", "fault"], [(row["name"], row["title"], row["fault"]) for row in listed])
    broken = [row["name"] for row in listed if row["fault"]]
    if broken and not as_json:
        click.echo(f"cannot be read: {', '.join(map(str, broken))}", err=True)
    return 1 if broken else 0


def _listed(folder: Path, name: str) -> dict[str, str | None]:
    try:
        rule = segments.load(folder, name).rule
    except Refusal as refusal:
        return {"name": name, "title": None, "description": None, "fault": str(refusal)}
    return {"name": name, "title": rule.title, "description": rule.description, "fault": None}


@command.command()
@click.argument("name")
@topic_option
@json_option
@click.pass_obj
def count(door: Door, name: str, topic: str | None, as_json: bool) -> None:
    """Count a segment's contacts and those that would be mailed now."""
    with door.open() as app, app.database.reading() as session:
        segment = segments.load(app.segments, name)
        found = segments.count(session, segment, _policy(app, topic))
    if as_json:
        print_json({"segment": segment.name, "title": segment.title, **_counts(found)})
        return
    companies = counted(found.companies, "company", "companies")
    click.echo(f"{segment.title}: {counted(found.contacts, 'contact')} at {companies}")
    click.echo(f"would be mailed now: {found.mailable:,}")


@command.command()
@click.argument("name")
@click.option("-n", "--number", type=click.IntRange(1, 1000), default=10, show_default=True, help="Contacts to show.")
@topic_option
@json_option
@click.pass_obj
def sample(door: Door, name: str, number: int, topic: str | None, as_json: bool) -> None:
    """Show some contacts of a segment, drawn at random."""
    with door.open() as app, app.database.reading() as session:
        drawn = segments.sample(session, segments.load(app.segments, name), _policy(app, topic), number)
    if as_json:
        print_json([asdict(row) for row in drawn])
        return
    columns = ["contact", "address", "kind", "company", "postcode", "province", "sector", "not mailed because"]
    rows = [
        (
            row.contact_id, row.address, row.kind.value, row.company, row.postcode,
            PROVINCES[row.province_nis].name_nl if row.province_nis in PROVINCES else row.province_nis,
            " ".join(part for part in (row.section_2025, row.nace_2025) if part), row.reason,
        )
        for row in drawn
    ]  # fmt: skip
    print_table(columns, rows)


@command.command()
@click.argument("name")
@topic_option
@json_option
@click.pass_obj
def explain(door: Door, name: str, topic: str | None, as_json: bool) -> None:
    """Show rule by rule how many contacts remain, and why the others are not mailed."""
    with door.open() as app, app.database.reading() as session:
        segment = segments.load(app.segments, name)
        explained = segments.explain(session, segment, _policy(app, topic))
    if as_json:
        steps = [asdict(step) for step in explained.steps]
        print_json({"segment": segment.name, "title": segment.title, "steps": steps, **_counts(explained.count)})
    else:
        _print_explained(segment.title, explained)


def _print_explained(title: str, explained: segments.Explanation) -> None:
    totals = explained.count
    rows: list[tuple[Any, ...]] = [
        (step.rule, f"{-step.dropped:,}" if step.dropped else "", f"{step.contacts:,}", f"{step.companies:,}")
        for step in explained.steps
    ]
    remaining = totals.contacts
    for reason, contacts in totals.by_reason.items():
        remaining -= contacts
        rows.append((f"not mailed: {reason}", f"{-contacts:,}" if contacts else "", f"{remaining:,}", ""))
    rows.append(("would be mailed now", "", f"{totals.mailable:,}", ""))
    print_table(["rule", "drop out", "contacts remain", "companies remain"], rows, title=title)


@command.command()
def schema() -> None:
    """Print the JSON Schema of segment files, for editors."""
    print_json(segments.schema())


def _policy(app: App, topic: str | None) -> Policy:
    return policy_of(app.settings, topic, app.now())


def _counts(found: segments.SegmentCount) -> dict[str, Any]:
    return {
        "contacts": found.contacts,
        "companies": found.companies,
        "mailable": found.mailable,
        "by_reason": dict(found.by_reason),
    }
