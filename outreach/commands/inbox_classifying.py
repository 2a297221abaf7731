"""`outreach inbox classify`: what messages in files say, without a project; imports nothing that takes time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from outreach.errors import Refusal
from outreach.inbox.classifying import classify as classified
from outreach.inbox.kinds import Report
from outreach.inbox.messages import LONGEST

STANDARD_INPUT = "-"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(allow_dash=True))
def classify(files: tuple[str, ...]) -> None:
    """Say what messages are, one JSON line per file; needs no project and changes nothing.

    A folder stands for the files in it, a Maildir for its messages, - for standard input. A file that can't be read is
    named, the others are still classified, and the exit code is 1.
    """
    unread = []
    for name in _each(files):
        try:
            raw = _read(name)
        except OSError as error:
            unread.append(f"{name}: {error.strerror or error}: give a file that holds one message")
            continue
        click.echo(json.dumps(_line(name, classified(raw))))
    if unread:
        raise Refusal("\n".join(unread))


def _each(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        folder = Path(name)
        if name == STANDARD_INPUT or not folder.is_dir():
            yield name
            continue
        mails = [folder / "new", folder / "cur"] if (folder / "cur").is_dir() else [folder]
        inside = (path for one in mails if one.is_dir() for path in one.iterdir())
        yield from sorted(str(path) for path in inside if path.is_file() and not path.name.startswith("."))


def _read(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(LONGEST)
    with Path(name).open("rb") as file:
        return file.read(LONGEST)


def _line(name: str, report: Report) -> dict[str, object]:
    recipients = [
        {"address": one.address, "class": one.klass.value, "reason": one.reason.value, "status": one.status}
        for one in report.recipients
    ]
    return {"file": name, "kind": report.kind.value, "recipients": recipients}
