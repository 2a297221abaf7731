"""What a new project folder starts with: settings to fill in, and the templates, segments and examples that we ship."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from outreach.errors import Refusal
from outreach.settings import FILE_NAME

SETTINGS = """\
# The settings of this project. Every setting, with its default: docs/settings.md.
# `outreach check` says what is still missing.

[sender]                      # stands in every mail
type = "federation"           # federation, authority or enterprise: decides which legal bases may be used
name = ""                     # e.g. "Federatie van maatwerkbedrijven"
address = ""                  # postal address on one line
enterprise_number = ""        # e.g. "1999.000.150"
email = ""                    # where people reach a person; also From unless mail.from_address is set
website = ""

[site]
name = "Werk dat past"        # the name over the mails and the pages
tagline = "bedrijven en maatwerk, dicht bij elkaar"
url = "http://127.0.0.1:8000" # where companies reach the public pages; https:// once it is public

[relay]                       # the mail server that takes our mail
host = "127.0.0.1"
port = 25
security = "none"             # "starttls" (587) or "tls" (465) for any other machine
username = ""                 # the password goes into OUTREACH_RELAY__PASSWORD

[frequency]
max = 2                       # mails to one address at most …
days = 30                     # … within so many days
"""

SHIPPED = ("templates", "segments")

# What holds people's data or our keys, and so belongs in no repository.
PRIVATE = """\
.state/
*.db
*.db-*
*.before-restore*
*.backup
*.rejects*.csv
preview/
"""


def shipped_folder() -> Path:
    """Return where templates and segments were installed: the checkout, else the environment's share folder."""
    checkout = Path(__file__).parent.parent
    for folder in (checkout, Path(sys.prefix) / "share" / "outreach"):
        if (folder / "templates" / "emails").is_dir():
            return folder
    raise Refusal(f"{checkout}: the shipped templates are missing; install outreach again")


def make_project(folder: Path) -> list[Path]:
    """Make a project in `folder` and return what was written; nothing that exists is touched."""
    if (folder / FILE_NAME).exists():
        raise Refusal(f"{folder / FILE_NAME}: this is a project folder already")
    taken = [name for name in SHIPPED if (folder / name).exists()]
    if taken:
        raise Refusal(f"{folder / taken[0]}: exists already; name another folder")
    source = shipped_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for name in ("campaigns", "pictures"):
        (folder / name).mkdir(exist_ok=True)
    (folder / ".gitignore").write_text(PRIVATE)
    (folder / FILE_NAME).write_text(SETTINGS)
    return [folder / name for name in (FILE_NAME, *SHIPPED, "campaigns", "pictures")]
