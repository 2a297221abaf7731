"""`outreach catalogue`: enterprises and their services."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from outreach.belgium.places import PROVINCES, province_by_name
from outreach.catalogue import services
from outreach.catalogue.categories import CATEGORIES, UnknownWord, category_of
from outreach.catalogue.files import read_catalogue
from outreach.commands.door import Door, counted, json_option, print_json, print_table, shown
from outreach.errors import NotFound, Refusal
from outreach.models import Enterprise, Service


@click.group()
def command() -> None:
    """Enterprises and their services."""


@command.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--withdraw-missing", is_flag=True, help="Withdraw services that the files lack, of their enterprises.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
@click.pass_obj
def import_(door: Door, files: tuple[Path, ...], withdraw_missing: bool, dry_run: bool, as_json: bool) -> None:
    """Read enterprises and services from YAML and CSV files (docs/catalogue.md)."""
    with door.open() as app:
        data = read_catalogue(files, app.project)
        with app.database.reading() if dry_run else app.database.writing() as session:
            summary = services.import_catalogue(session, data, app.now(), withdraw_missing=withdraw_missing)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(summary)})
        return
    done = asdict(summary)
    for noun in ("enterprises", "services"):
        kinds = [kind for kind in ("added", "changed", "unchanged", "withdrawn") if f"{noun}_{kind}" in done]
        click.echo(f"{noun}: " + ", ".join(f"{done[f'{noun}_{kind}']} {kind}" for kind in kinds))
    for slug in summary.still_withdrawn:
        click.echo(f"{slug}: stays withdrawn; to offer it again: outreach catalogue restore {slug}")
    if dry_run:
        click.echo("dry run: nothing was changed")


@command.command("list")
@click.option("--category", help="Code or label of a category.")
@click.option("--province", help="Served province.")
@click.option("--withdrawn", is_flag=True, help="Withdrawn services too.")
@json_option
@click.pass_obj
def list_(door: Door, category: str | None, province: str | None, withdrawn: bool, as_json: bool) -> None:
    """List the services."""
    code, nis = _category(category), _province(province)
    with door.open() as app, app.database.reading() as session:
        found = services.listed(session, category=code, province=nis, withdrawn=withdrawn)
        rows = [_plain(service) for service in found]
    if as_json:
        print_json(rows)
        return
    columns = ("slug", "name", "enterprise", "category", "provinces", "sectors", "state")
    print_table(columns, ([", ".join(r[c]) if isinstance(r[c], list) else r[c] for c in columns] for r in rows))
    enterprises = counted(len({row["enterprise_number"] for row in rows}), "enterprise")
    click.echo(f"{counted(len(rows), 'service')} of {enterprises}")


@command.command()
@click.argument("slug")
@json_option
@click.pass_obj
def show(door: Door, slug: str, as_json: bool) -> None:
    """Show a service, or an enterprise with its services."""
    with door.open() as app, app.database.reading() as session:
        if service := services.find_service(session, slug):
            data = _plain(service) | {"summary": service.summary, "text": service.text}
            data |= {"picture": service.picture, "picture_alt": service.picture_alt}
        elif enterprise := services.find_enterprise(session, slug):
            offered = services.listed(session, enterprise_id=enterprise.id, withdrawn=True)
            data = _plain_enterprise(enterprise) | {"services": [each.slug for each in offered]}
        else:
            raise NotFound(f"{slug!r} is no slug of a service or enterprise: `outreach catalogue list` shows them all")
    if as_json:
        print_json(data)
        return
    print_table(("field", "value"), ((name, shown(name, value)) for name, value in data.items()))


@command.command()
@click.argument("slug")
@click.pass_obj
def withdraw(door: Door, slug: str) -> None:
    """Withdraw a service, or an enterprise with everything it offers; nothing is deleted."""
    with door.open() as app, app.database.writing() as session:
        done = services.withdraw(session, slug, app.now())
    click.echo(f"{slug}: withdrawn" if done else f"{slug}: was withdrawn already")


@command.command()
@click.argument("slug")
@click.pass_obj
def restore(door: Door, slug: str) -> None:
    """Offer a withdrawn service or enterprise again."""
    with door.open() as app, app.database.writing() as session:
        done = services.restore(session, slug, app.now())
    click.echo(f"{slug}: offered again" if done else f"{slug}: was on offer already")


@command.command()
@json_option
def categories(as_json: bool) -> None:
    """List the categories with their Dutch and English labels."""
    if as_json:
        print_json(list(CATEGORIES.values()))
        return
    print_table(("code", "nl", "en"), ((c.code, c.label_nl, c.label_en) for c in CATEGORIES.values()))


def _category(text: str | None) -> str | None:
    try:
        return category_of(text).code if text else None
    except UnknownWord as error:
        raise Refusal(f"--category: {error}") from error


def _province(text: str | None) -> str | None:
    if not text:
        return None
    if (found := province_by_name(text)) is None:
        raise Refusal(f"--province: {text!r} is no province; known: {', '.join(p.slug for p in PROVINCES.values())}")
    return found.nis


def _plain(service: Service) -> dict[str, Any]:
    withdrawn = service.withdrawn_at or service.enterprise.withdrawn_at
    state = "withdrawn" if withdrawn else "offered" if service.taking_customers else "full"
    return {
        "slug": service.slug,
        "name": service.name,
        "enterprise": service.enterprise.name,
        "enterprise_slug": service.enterprise.slug,
        "enterprise_number": service.enterprise.enterprise_number,
        "category": service.category,
        "forms": sorted(row.form.value for row in service.forms),
        "provinces": [PROVINCES[row.province_nis].name_nl for row in service.provinces],
        "sectors": sorted(f"{row.version}:{row.code}" for row in service.sectors),
        "taking_customers": service.taking_customers,
        "state": state,
    }


def _plain_enterprise(enterprise: Enterprise) -> dict[str, Any]:
    names = ("slug", "name", "enterprise_number", "postcode", "email", "phone", "website", "text")
    state = "withdrawn" if enterprise.withdrawn_at else "offered"
    return {name: getattr(enterprise, name) for name in names} | {"state": state}
