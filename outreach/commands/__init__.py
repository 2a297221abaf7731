"""The command line: a file per noun. A command parses, makes one call into the house, and prints."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path

import click

from outreach import __version__
from outreach.commands.door import Door, LazyGroup

# The noun and the module that holds its command; loaded when it is called, so that `--help` stays quick.
NOUNS = {
    "archive": "Newsletters that anybody may read on the site.",
    "campaign": "Write, approve, schedule and follow campaigns.",
    "catalogue": "Enterprises and their services.",
    "check": "Say what is wrong with settings, keys, database, templates, segments, relay and inbox.",
    "collaboration": "Which companies are or were customer or supplier of which enterprises.",
    "contact": "Find, show, suppress, erase or export a contact.",
    "db": "Upgrade, back up and restore the database with its keys.",
    "dkim": "Make the key that signs our mails, and the record that goes with it.",
    "demo": "Fill a project with invented data and run the main job on it.",
    "doctor": "Say what receivers of mail miss at a domain, and the records to add.",
    "hits": "Tell people from scanners among those who followed a link.",
    "import": "Read contacts and suppressions from files.",
    "inbox": "What came back: bounces, complaints, automatic replies and answers.",
    "init": "Make a project folder.",
    "lead": "Add, list and import leads.",
    "register": "Take in the company register (KBO/BCE Open Data), and look companies up.",
    "relay": "Where mail goes out, and how fast it may.",
    "report": "Figures about campaigns.",
    "segment": "List, count, sample and explain segments.",
    "site": "The sign-up form for other sites.",
    "template": "List and check templates.",
    "up": "Run everything: site, scheduler and sender.",
    "user": "People who log in to the staff site.",
    "worker": "Send what is due.",
}

MODULES = {"inbox": "inbox_group"}  # the others are called after their noun


class Nouns(LazyGroup):
    """A group whose commands are loaded from `outreach.commands.<noun>_command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in NOUNS:
            return None
        module = importlib.import_module(f"outreach.commands.{MODULES.get(name, f'{name}_command')}")
        if not gc.isenabled():  # `main` turned it off
            gc.freeze()
            gc.enable()
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(NOUNS.items()))


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="outreach")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    help="Project folder; default: OUTREACH_PROJECT, else the nearest folder upward with an outreach.toml.",
)
@click.pass_context
def outreach(ctx: click.Context, project: Path | None) -> None:
    """Newsletters that bring regular companies and maatwerkbedrijven together."""
    ctx.obj = Door(project)


def main() -> None:
    """Run the command line; errors become exit codes here and nowhere else."""
    # What is loaded is never garbage: looking through it again and again takes a third of a short command's time.
    gc.disable()
    from outreach.commands.door import run

    sys.exit(run(outreach))
