"""Print docs/commands.md from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from outreach.commands import outreach

HEAD = """\
# Commands

Every command takes `--help`, and every one that reports takes `--json`. Exit codes: 0 success, 1 something a person can
mend (the text says where, what and how), 2 wrong usage. `--project FOLDER` before the command names the project; else
it is `OUTREACH_PROJECT`, else the nearest folder upward with an `outreach.toml`. This page is printed by
`python docs/make_commands.py`."""


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its full name."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def described(path: str, command: click.Command) -> str:
    """Return a command's section: usage, text, options."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    text = " ".join((command.help or "").replace("\b", "").split())
    lines = [f"### `{path}`", "", f"`{usage}`", "", text, ""]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    for option in options:
        names = ", ".join(option.opts + option.secondary_opts)
        record = option.get_help_record(context)
        lines.append(f"- `{names}`: {record[1] if record else ''}")
    return "\n".join([*lines, ""] if options else lines)


def page() -> str:
    """Return the whole page."""
    sections: dict[str, list[str]] = {}
    for path, command in commands(outreach, "outreach"):
        sections.setdefault(path.split()[1], []).append(described(path, command))
    parts = [HEAD]
    for noun, texts in sections.items():
        parts += [f"## {noun}", *(text.rstrip() for text in texts)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
