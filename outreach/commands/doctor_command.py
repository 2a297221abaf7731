"""`outreach doctor`: what receivers of mail miss at a domain."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from outreach.commands.campaign_output import plain
from outreach.commands.door import Door, json_option, print_json
from outreach.doctor.dkim import PrivateKey
from outreach.doctor.examining import Patient, domain_name, examine
from outreach.doctor.findings import Finding, Verdict
from outreach.doctor.names import Address, open_names
from outreach.errors import Refusal
from outreach.settings import DkimSettings

WORDS = {Verdict.OK: "ok     ", Verdict.ADVICE: "advice ", Verdict.MISSING: "MISSING", Verdict.UNKNOWN: "UNKNOWN"}


@click.command()
@click.argument("domain")
@click.option(
    "--address", "addresses", multiple=True, metavar="IP", help="Address by which mail leaves; may be repeated."
)
@click.option("--include", help="SPF name that your mail provider tells you to include, such as spf.provider.example.")
@click.option("--selector", help="DKIM selector that signs your mail; default: that of [dkim], if you sign here.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private DKIM key (PEM), if you sign yourself; default: that of [dkim].",
)
@click.option(
    "--nameserver", metavar="HOST:PORT", help="Name server to ask, by IP address; default: this machine's own."
)
@json_option
@click.pass_obj
def command(
    door: Door,
    domain: str,
    addresses: tuple[str, ...],
    include: str | None,
    selector: str | None,
    key: Path | None,
    nameserver: str | None,
    as_json: bool,
) -> None:
    """Examine the DOMAIN of your From address: SPF, DKIM, DMARC, PTR, TLS, MX and one-click opting out.

    Says what is missing, with the record to add; exit code 1 if anything is missing or couldn't be found out.
    """
    name, names = domain_name(domain), open_names(nameserver)
    told = Patient(name, [_address(one) for one in addresses], include, selector, None, _key(key))
    with door.open() as app:
        patient = _with_our_signature(told, app.settings.dkim, app.project)
        findings = list(examine(patient, names, app.settings, app.links, app.now()))
    if as_json:
        print_json({"domain": name, "ok": all(one.is_well for one in findings), "findings": findings})
    else:
        for one in findings:
            _print(one)
    if not all(one.is_well for one in findings):
        raise click.exceptions.Exit(1)


def _with_our_signature(patient: Patient, dkim: DkimSettings, project: Path) -> Patient:
    """Add how we sign ourselves, where the operator doesn't say how somebody else does."""
    if not dkim.domain or patient.selector or patient.key:
        return patient
    key = _read_key(project / dkim.key_file, f"dkim.key_file {project / dkim.key_file}")
    return replace(patient, selector=dkim.selector, signing_domain=domain_name(dkim.domain), key=key)


def _print(finding: Finding) -> None:
    # What a stranger's zone says must not steer the terminal.
    click.echo(plain(f"{WORDS[finding.verdict]} {finding.matter}: {finding.text}"))
    if finding.record is not None:
        click.echo(plain(f"        {finding.record}"))


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise Refusal(f"--address {text!r} is no IP address: write the one by which mail leaves") from None


def _key(file: Path | None) -> PrivateKey | None:
    return None if file is None else _read_key(file, f"--key {file}")


def _read_key(file: Path, called: str) -> PrivateKey:
    try:
        found = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise Refusal(f"{called}: can't be read as a private key (PEM, without password): {error}") from error
    if not isinstance(found, PrivateKey):
        raise Refusal(f"{called}: is neither an rsa nor an ed25519 key")
    return found
