"""`outreach inbox`: its commands, of which `classify` comes without loading what the others need."""

from __future__ import annotations

import click

from outreach.commands.door import LazyGroup
from outreach.commands.inbox_classifying import classify


class Inbox(LazyGroup):
    """A group that loads the commands that work on a project when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_on_a_project().list_commands(ctx)})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, name) or _on_a_project().get_command(ctx, name)


def _on_a_project() -> click.Group:
    from outreach.commands.inbox_command import command as on_a_project

    return on_a_project


@click.group(cls=Inbox)
def command() -> None:
    """What came back: bounces, complaints, automatic replies and answers."""


command.add_command(classify)
