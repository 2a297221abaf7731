"""Who does a step at the terminal: a user of the team by `--as`, else the login of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from outreach import users
from outreach.campaigns import objections
from outreach.commands.door import actor
from outreach.errors import Refusal
from outreach.models import Campaign

Function = TypeVar("Function", bound=Callable[..., Any])


def as_option(function: Function) -> Function:
    """Add `--as`: who does it, for the record and for the two pairs of eyes that an approval takes."""
    text = "Which user of the team does this (e-mail address, or name); default: the login of this machine."
    return click.option("--as", "as_who", metavar="WHO", help=text)(function)


def person(session: Session, as_who: str | None) -> str:
    """Return the address of the user that `--as` names, or `cli:LOGIN` without it."""
    return actor() if as_who is None else users.acting(session, as_who).email


def terminal(as_who: str | None) -> str:
    """Return the login that acts in somebody's name, which the record keeps beside the name."""
    return "" if as_who is None else actor()


def approver(session: Session, campaign: Campaign, as_who: str | None, approve_own: bool) -> str:
    """Return who approves: a user of the team, since a login of the machine may be anybody's; Refusal without one."""
    by = person(session, as_who)
    if as_who is None and not approve_own:
        objections.refuse_own(campaign, by, approve_own)
        known = ", ".join(user.email for user in users.team(session))
        way_out = f"--as one of {known}" if known else f"first {users.ADDING}, then approve with `--as EMAIL`"
        raise Refusal(f"an approval is given by a user of the team, and {by} is none: {way_out}")
    return by
