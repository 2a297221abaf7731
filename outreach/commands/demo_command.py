"""Run the main job on invented data."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from outreach.commands.door import progress
from outreach.demo import tour


@click.command()
@click.option("--once", is_flag=True, help="Stop at the end; exit code 0 only if every invariant held.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
    help="Where the demo's project is made; an earlier demo's folder is replaced.",
)
def command(once: bool, folder: Path) -> None:
    """Fill a project with invented data, send a campaign to a built-in inbox, and show what it led to."""
    teller = tour.Teller(
        heading=lambda text: click.secho(f"\n== {text}", bold=True),
        line=lambda text: click.echo(text),
        progress=progress,
    )
    # As Ctrl-C: what was started is stopped too. A shell that starts it in the background has it ignore SIGINT itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    faults = tour.run(folder.resolve(), once=once, teller=teller)
    if faults:
        raise click.exceptions.Exit(1)
