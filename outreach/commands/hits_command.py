"""`outreach hits`: requests for the links of campaigns."""

from __future__ import annotations

import click

from outreach import jobs
from outreach.campaigns.visitors import RULES
from outreach.commands.door import Door, json_option, print_json, print_table


@click.group()
def command() -> None:
    """Requests for the links of campaigns: people and scanners."""


@command.command()
@json_option
@click.pass_obj
def classify(door: Door, as_json: bool) -> None:
    """Judge every hit again by the rules of this version; nothing that was seen is lost, and doing it twice is once."""
    with door.open() as app:
        done = jobs.judge_hits(app, everything=True)
    if as_json:
        print_json(
            {
                "rules": RULES,
                "hits": done.hits,
                "changed": done.changed,
                "human": done.human,
                "scanner": done.scanner,
                "reasons": dict(sorted(done.reasons.items())),
            }
        )
        return
    click.echo(f"{done.hits:,} hits by rules {RULES}: {done.human:,} human, {done.scanner:,} scanner")
    click.echo(f"{done.changed:,} verdicts changed")
    if done.reasons:
        print_table(("reason", "hits"), done.reasons.most_common())
