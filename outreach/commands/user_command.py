"""`outreach user`: people who log in to the staff site."""

from __future__ import annotations

import sys

import click

from outreach import users
from outreach.commands.door import Door, json_option, print_json, print_table
from outreach.errors import Refusal
from outreach.models import Role, User

ATTEMPTS = 3
password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line) instead of asking."
)


@click.group()
def command() -> None:
    """People who log in to the staff site."""


@command.command()
@click.argument("email")
@click.option("--name", required=True, help="Name shown on the staff pages.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.TEAM.value,
    show_default=True,
    help="team writes, approves and schedules; analyst reads.",
)
@password_option
@click.pass_obj
def add(door: Door, email: str, name: str, role: str, password_stdin: bool) -> None:
    """Add a user; the password is asked for, never an argument that others could read."""
    with door.open() as app:
        password = _password(password_stdin)
        with app.database.writing() as session:
            user = users.add(session, email, name=name, role=Role(role), password=password, now=app.now())
        click.echo(f"{user.email} may log in at {app.settings.site.url}/staff as {user.role}")


@command.command("list")
@json_option
@click.pass_obj
def list_users(door: Door, as_json: bool) -> None:
    """List the users."""
    with door.open() as app, app.database.reading() as session:
        found = users.listed(session)
    if as_json:
        print_json([_as_dict(user) for user in found])
    else:
        rows = [(user.email, user.name, user.role, "disabled" if user.disabled_at else "") for user in found]
        print_table(("e-mail", "name", "role", "state"), rows)


@command.command()
@click.argument("email")
@click.pass_obj
def disable(door: Door, email: str) -> None:
    """Keep a user out and log out all browsers; `user password` lets them in again."""
    with door.open() as app:
        with app.database.writing() as session:
            changed = users.disable(session, email, now=app.now())
        click.echo(f"{email} is disabled" if changed else f"{email} was disabled already")


@command.command()
@click.argument("email")
@password_option
@click.pass_obj
def password(door: Door, email: str, password_stdin: bool) -> None:
    """Give a user another password and log out all browsers."""
    with door.open() as app:
        with app.database.reading() as session:
            users.find(session, email)
        new = _password(password_stdin)
        with app.database.writing() as session:
            users.set_password(session, email, new)
        click.echo(f"{email} has a new password")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask for the password: give it on standard input with --password-stdin")
    for _ in range(ATTEMPTS - 1):
        answer = _asked()
        try:
            users.check_password(answer)
        except Refusal as refusal:
            click.echo(f"{refusal}; try again", err=True)
        else:
            return answer
    return _asked()  # the last answer is judged by whoever keeps it


def _asked() -> str:
    prompt = f"Password (at least {users.MIN_PASSWORD} characters)"
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True)
    return answer


def _as_dict(user: User) -> dict[str, object]:
    return {
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }
