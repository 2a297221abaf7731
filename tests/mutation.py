"""How many planted faults the check of templates finds: `python tests/mutation.py [SEED [EACH]]` prints the table."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import mutants
from mutants import Files, Mutant

from outreach.campaigns.trying import try_template
from outreach.emails import templates
from outreach.emails.checking import Finding, Severity
from outreach.errors import Refusal
from outreach.links import Links

TEMPLATES = Path(__file__).parents[1] / "templates" / "emails"
LINKS = Links("https://nieuws.example", b"k" * 32)


@dataclass
class Measured:
    """Per family: how many were planted, found at the right line, found elsewhere only; and those that weren't."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.found.total() / self.planted.total()

    def table(self) -> str:
        rows = [f"{'family':32}{'planted':>9}{'found':>9}{'elsewhere':>11}"]
        for name, count in self.planted.items():
            rows.append(f"{name:32}{count:9}{self.found[name]:9}{self.elsewhere[name]:11}")
        total = f"{self.planted.total():9}{self.found.total():9}{self.elsewhere.total():11}"
        return "\n".join([*rows, f"{'all':32}{total}{100 * self.share:8.1f} %", *self.missed])


def measure(files: Files, seed: int, each: int) -> Measured:
    """Plant faults and check the templates that the file of each belongs to, until one of them shows it."""
    measured = Measured()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "emails"
        mutants.write(files, home)
        for mutant in mutants.planted(files, seed, each):
            (home / mutant.file).write_text(mutant.files[mutant.file])
            _count(measured, mutant, home, mutants.users(files, mutant.file))
            (home / mutant.file).write_text(files[mutant.file])
    return measured


def serious(home: Path, name: str) -> list[Finding]:
    """Check a template as the command does; return its errors and warnings, without SpamAssassin's."""
    try:
        found = try_template(templates.read(home, name), LINKS)[1]
    except Refusal as refusal:
        found = [Finding(Severity.ERROR, "template.toml", str(refusal), "")]
    return [one for one in found if one.severity is not Severity.HINT]


def _count(measured: Measured, mutant: Mutant, home: Path, names: list[str]) -> None:
    found: list[Finding] = []
    hit = False
    for name in names:
        found += serious(home, name)
        hit = any(mutant.hit(one.file.removeprefix("templates/emails/"), one.line) for one in found)
        if hit:
            break
    measured.planted[mutant.family] += 1
    measured.found[mutant.family] += hit
    measured.elsewhere[mutant.family] += bool(found) and not hit
    if not hit:
        where = f"{mutant.file}:{','.join(map(str, sorted(mutant.lines)))}"
        said = "; ".join(str(one)[:110] for one in found[:2]) or "nothing"
        measured.missed.append(f"missed: {mutant.family}, {where}: {mutant.said}\n    said: {said}")


def main() -> None:
    seed, each = (int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 1), (2, 10)))
    began = time.process_time()
    files = mutants.read(TEMPLATES)
    for name in templates.available(TEMPLATES):
        for one in serious(TEMPLATES, name):
            print(f"in the good {name}: {one.severity} {one.code} {one}")
    print(measure(files, seed, each).table())
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
