"""What `outreach doctor` says of good and broken domains, asked of a real name server, relay and site."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from certificates import Authority, make_authority
from conftest import Ran
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dnslib import RR
from doctor.zones import Zone, name_server
from relays import aiosmtpd_relay, free_port

from outreach.app import App
from outreach.doctor import dkim, dmarc, hosts, spf
from outreach.doctor.examining import domain_name
from outreach.doctor.findings import Finding, Verdict
from outreach.doctor.names import Names, Unanswered, open_names
from outreach.doctor.spf import Outcome
from outreach.emails import signing
from outreach.errors import Refusal
from outreach.settings import RelaySettings
from outreach.web.site import create_site

DOMAIN = "federatie.example"
ADDRESS = ip_address("192.0.2.25")
KEY = rsa.generate_private_key(65537, 2048)

GOOD = f"""
{DOMAIN}. 60 IN SOA ns.{DOMAIN}. x.{DOMAIN}. 1 2 3 4 5
{DOMAIN}. 60 IN TXT "v=spf1 include:spf.provider.example -all"
{DOMAIN}. 60 IN TXT "some-other-service=1"
spf.provider.example. 60 IN TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"
_dmarc.{DOMAIN}. 60 IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@{DOMAIN}"
{DOMAIN}. 60 IN MX 10 mx.{DOMAIN}.
mx.{DOMAIN}. 60 IN A 192.0.2.26
25.2.0.192.in-addr.arpa. 60 IN PTR relay.{DOMAIN}.
relay.{DOMAIN}. 60 IN A 192.0.2.25
"""


def dkim_record(key: dkim.PrivateKey = KEY, selector: str = "sel1") -> str:
    from outreach.doctor.findings import text_record

    return text_record(f"{selector}._domainkey.{DOMAIN}", dkim.value_of(key))


@contextmanager
def asking(text: str, **options: Any) -> Iterator[Names]:
    with name_server(Zone(text, **options)) as place:
        yield open_names(place)


def found(examination: Iterator[Finding]) -> list[tuple[Verdict, str]]:
    return [(one.verdict, one.text) for one in examination]


def one(examination: Iterator[Finding]) -> Finding:
    findings = list(examination)
    assert len(findings) == 1, findings
    return findings[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls") / "ours")


@contextmanager
def https_site(app: App, authority: Authority, port: int) -> Iterator[None]:
    config = uvicorn.Config(
        create_site(app), port=port, log_level="error", ssl_certfile=authority.chain, ssl_keyfile=authority.key
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join()


def test_a_domain_in_order_has_nothing_missing(
    app: App, cli: Callable[..., Ran], authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "dkim.pem"
    plain = serialization.NoEncryption()
    key.write_bytes(KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    port = free_port()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    monkeypatch.setenv("OUTREACH_SITE__URL", f"https://127.0.0.1:{port}")
    with (
        aiosmtpd_relay(starttls=authority.server()) as (relay_port, _),
        https_site(app, authority, port),
        name_server(Zone(GOOD + dkim_record())) as place,
    ):
        monkeypatch.setenv("OUTREACH_RELAY__PORT", str(relay_port))
        monkeypatch.setenv("OUTREACH_RELAY__SECURITY", "starttls")
        monkeypatch.setenv("OUTREACH_RELAY__CA_FILE", str(authority.ca_file))
        options = ("--address", ADDRESS, "--selector", "sel1", "--key", key, "--nameserver", place)
        ran = cli("doctor", DOMAIN, *options, "--json")
        told = cli("doctor", DOMAIN, *options)
    assert ran.code == 0, ran.out
    assert ran.out, (ran.code, ran.err)
    report = json.loads(ran.out)
    assert (report["ok"], report["domain"]) == (True, DOMAIN)
    matters = [finding["matter"] for finding in report["findings"]]
    assert matters == ["spf", "dkim", "dmarc", "ptr", "mx", "tls", "one_click"]
    assert {finding["verdict"] for finding in report["findings"]} == {"ok"}
    assert told.code == 0
    assert "ok      ptr: 192.0.2.25 is relay.federatie.example" in told.out


def test_a_bare_domain_is_told_every_record_to_add_and_adding_them_mends_it(
    app: App, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    key = tmp_path / "dkim.pem"
    plain = serialization.NoEncryption()
    key.write_bytes(KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    options = ("--address", ADDRESS, "--selector", "sel1", "--key", key, "--json")
    zone = f"{DOMAIN}. 60 IN SOA ns.{DOMAIN}. x.{DOMAIN}. 1 2 3 4 5\n"
    with name_server(Zone(zone)) as place:
        ran = cli("doctor", DOMAIN, *options, "--nameserver", place)
    assert ran.code == 1
    by_matter = {finding["matter"]: finding for finding in json.loads(ran.out)["findings"]}
    assert {by_matter[matter]["verdict"] for matter in ("spf", "dkim", "dmarc", "ptr", "mx")} == {"missing"}
    records = [finding["record"] for finding in by_matter.values() if finding["record"]]
    assert f'{DOMAIN}. 3600 IN TXT "v=spf1 ip4:192.0.2.25 ~all"' in records
    # As pasted: a real zone parser reads them, and the next examination is content with them.
    pasted = "\n".join(records)
    assert len(RR.fromZone(pasted)) == len(records) == 5
    names = "mail.example. 60 IN A 192.0.2.25\n" + f"mail.{DOMAIN}. 60 IN A 192.0.2.26\n"
    with name_server(Zone(f"{zone}{names}{pasted}\n")) as place:
        again = cli("doctor", DOMAIN, *options, "--nameserver", place)
    after = {finding["matter"]: finding for finding in json.loads(again.out)["findings"]}
    assert {after[matter]["verdict"] for matter in ("spf", "dkim", "ptr", "mx")} == {"ok"}
    assert after["dmarc"]["verdict"] == "advice"  # p=none is where one begins
    assert "site.url is http://" in after["one_click"]["text"] or after["one_click"]["verdict"] == "missing"


def test_whoever_signs_here_needs_to_name_neither_selector_nor_key(
    app: App, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTREACH_DKIM__DOMAIN", DOMAIN)
    monkeypatch.setenv("OUTREACH_DKIM__SELECTOR", "ours")
    with name_server(Zone(GOOD + dkim_record(selector="ours"))) as place:
        options = ("--address", ADDRESS, "--nameserver", place)
        keyless = cli("doctor", f"nieuws.{DOMAIN}", *options)
        signing.make_key(app.project / ".state" / "dkim.pem")
        other = cli("doctor", f"nieuws.{DOMAIN}", *options)
        plain = serialization.NoEncryption()
        pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (app.project / ".state" / "dkim.pem").write_bytes(pem)
        ours = cli("doctor", f"nieuws.{DOMAIN}", *options)
    assert "dkim.key_file" in keyless.err
    # Of the domain that signs, above that of From.
    assert f"MISSING dkim: ours._domainkey.{DOMAIN}: holds another key than ours" in other.out
    assert f"ok      dkim: ours._domainkey.{DOMAIN}" in ours.out


def test_a_name_that_does_not_exist_and_a_server_that_can_not_say_are_told_apart(
    app: App, cli: Callable[..., Ran]
) -> None:
    with name_server(Zone(GOOD, broken=("broken.example",))) as place:
        gone = cli("doctor", "gone.example", "--nameserver", place)
        broken = cli("doctor", "broken.example", "--nameserver", place, "--selector", "a", "--address", ADDRESS)
    assert (gone.code, broken.code) == (1, 1)
    assert "MISSING domain: gone.example doesn't exist (NXDOMAIN)" in gone.out
    assert "MISSING" not in re.sub(r"MISSING (one_click|tls).*", "", broken.out)
    assert "UNKNOWN dmarc: the name server can't say what _dmarc.broken.example has (SERVFAIL)" in broken.out
    assert "this says nothing about the domain" in broken.out


def test_a_server_that_never_answers_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.doctor.names.QUESTION_SECONDS", 0.1)
    monkeypatch.setattr("outreach.doctor.names.ANSWER_SECONDS", 0.2)
    with asking("x.example. 60 IN A 192.0.2.1\n", silent=("example",)) as names:
        started = time.monotonic()
        for number in range(20):
            with pytest.raises(Unanswered):
                names.texts(f"{number}.example")
        assert time.monotonic() - started < 5


SPF_CASES = [
    ('"v=spf1 ip4:192.0.2.25 -all"', Outcome.PASS),
    ('"v=spf1 ip4:192.0.2.0/24 ~all"', Outcome.PASS),
    ('"v=spf1 a:relay.federatie.example -all"', Outcome.PASS),
    ('"v=spf1 mx/24 -all"', Outcome.PASS),
    ('"v=spf1 a:relay.federatie.example/28 -all"', Outcome.PASS),
    ('"v=spf1 redirect=spf.provider.example"', Outcome.PASS),
    ('"v=spf1 include:spf.provider.example -all"', Outcome.PASS),
    ('"v=spf1 ?ip4:192.0.2.25 -all"', Outcome.NEUTRAL),
    ('"v=spf1 -ip4:192.0.2.25 +all"', Outcome.FAIL),
    ('"v=spf1 ip4:198.51.100.1 ~all"', Outcome.SOFTFAIL),
    ('"v=spf1 ip4:198.51.100.1"', Outcome.NEUTRAL),
    ('"v=spf1 ip6:2001:db8::1 -all"', Outcome.FAIL),
    ('"V=SPF1 IP4:192.0.2.25 -ALL"', Outcome.PASS),
    ('"v=spf1 ip4:192.0.2" ".25 -all"', Outcome.PASS),  # two strings are one text
    ('"v=spf10 ip4:192.0.2.25 -all"', Outcome.NONE),
    ('"v=spf1 exists:%{i}.x.example ptr ip4:192.0.2.25 -all"', Outcome.PASS),
]
OTHERS = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{DOMAIN}. 60 IN TXT"))


@pytest.mark.parametrize(("text", "outcome"), SPF_CASES)
def test_spf_is_evaluated_as_receivers_do_it(text: str, outcome: Outcome) -> None:
    with asking(f"{OTHERS}\n{DOMAIN}. 60 IN TXT {text}\n") as names:
        assert spf.evaluate(names, DOMAIN, ADDRESS) is outcome


@pytest.mark.parametrize(
    ("texts", "verdict", "said"),
    [
        ([], Verdict.MISSING, "has no SPF"),
        (["v=spf1 a -all", "v=spf1 mx -all"], Verdict.MISSING, "2 SPF records"),
        (["v=spf1 ip4:198.51.100.1 -all"], Verdict.MISSING, "doesn't allow ip4:192.0.2.25"),
        (["v=spf1 ip4:192.0.2.25 +all"], Verdict.ADVICE, "whole world"),
        (["v=spf1 ip4:192.0.2.25 ?all"], Verdict.ADVICE, "forbids nobody"),
        (["v=spf1 ip4:192.0.2.25"], Verdict.ADVICE, "forbids nobody"),
        (["v=spf1 ipv4:192.0.2.25 -all"], Verdict.MISSING, "is no mechanism"),
        (["v=spf1 ip4:192.0.2.999 -all"], Verdict.MISSING, "is no network"),
        (["v=spf1 include:nothing.example -all"], Verdict.MISSING, "include:nothing.example has no SPF"),
        (["v=spf1 include:loop.example -all"], Verdict.MISSING, "includes itself"),
        (["v=spf1 include:deep.example ip4:192.0.2.25 -all"], Verdict.MISSING, "takes 12 lookups"),
        (["v=spf1 ip4:192.0.2.25 -all"], Verdict.OK, "allows ip4:192.0.2.25"),
    ],
)
def test_what_is_wrong_with_an_spf_is_said_with_the_record_in_its_place(
    texts: list[str], verdict: Verdict, said: str
) -> None:
    deep = " ".join(f"a:a{number}.example" for number in range(11))
    zone = f'{OTHERS}\nloop.example. 60 IN TXT "v=spf1 include:loop.example -all"\n'
    zone += f'deep.example. 60 IN TXT "v=spf1 {deep} -all"\n'
    zone += "".join(f'{DOMAIN}. 60 IN TXT "{text}"\n' for text in texts)
    with asking(zone) as names:
        finding = one(spf.examine(names, DOMAIN, [ADDRESS], None))
    assert finding.verdict is verdict
    assert said in finding.text
    if finding.record:
        rest = "\n".join(line for line in zone.splitlines() if f"{DOMAIN}. 60 IN TXT" not in line)
        with asking(f"{rest}\n{finding.record}\n") as names:
            assert one(spf.examine(names, DOMAIN, [ADDRESS], None)).verdict is Verdict.OK


def test_an_include_of_the_provider_is_looked_for_and_added() -> None:
    with asking(GOOD) as names:
        assert one(spf.examine(names, DOMAIN, [], "spf.provider.example")).verdict is Verdict.OK
        other = one(spf.examine(names, DOMAIN, [], "spf.other.example"))
        unknown = one(spf.examine(names, DOMAIN, [], None))
    assert other.record == f'{DOMAIN}. 3600 IN TXT "v=spf1 include:spf.provider.example include:spf.other.example -all"'
    assert unknown.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("value", "verdict", "said"),
    [
        (dkim.value_of(KEY), Verdict.OK, "rsa, 2048 bits, and it is ours"),
        (dkim.value_of(rsa.generate_private_key(65537, 2048)), Verdict.MISSING, "another key than ours"),
        (dkim.value_of(KEY)[:-40], Verdict.MISSING, "cut off"),
        ("v=DKIM1; k=rsa; p=", Verdict.MISSING, "revoked"),
        ("v=DKIM1; k=rsa", Verdict.MISSING, "no p="),
        ("v=DKIM2; p=abcd", Verdict.MISSING, "v=DKIM2"),
        (dkim.value_of(KEY) + "; h=sha1", Verdict.MISSING, "sha256"),
        (dkim.value_of(KEY) + "; s=other", Verdict.MISSING, "doesn't allow mail"),
        (dkim.value_of(KEY) + "; t=y:s", Verdict.ADVICE, "test"),
    ],
)
def test_a_dkim_key_is_read_as_receivers_do(value: str, verdict: Verdict, said: str) -> None:
    from outreach.doctor.findings import text_record

    with asking(f"{GOOD}\n{text_record(f'sel1._domainkey.{DOMAIN}', value)}\n") as names:
        finding = one(dkim.examine(names, DOMAIN, "sel1", KEY))
    assert (finding.verdict, said in finding.text) == (verdict, True), finding
    assert (finding.record is None) == finding.is_well


def test_dkim_keys_that_are_short_or_of_another_kind_are_told() -> None:
    weak, modern = rsa.generate_private_key(65537, 1024), ed25519.Ed25519PrivateKey.generate()
    zone = f"{GOOD}\n{dkim_record(weak, 'weak')}\n{dkim_record(modern, 'modern')}\n"
    with asking(zone) as names:
        assert one(dkim.examine(names, DOMAIN, "weak", weak)).verdict is Verdict.ADVICE
        assert "sign with rsa too" in one(dkim.examine(names, DOMAIN, "modern", modern)).text
        assert "holds no key" in one(dkim.examine(names, DOMAIN, "none", None)).text
        assert one(dkim.examine(names, DOMAIN, None, None)).verdict is Verdict.UNKNOWN
    data = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = data.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    import base64

    with pytest.raises(ValueError, match="no kind of key"):
        dkim.public_key({"p": base64.b64encode(der).decode()})


@pytest.mark.parametrize(
    ("value", "bounces", "expected"),
    [
        ("v=DMARC1; p=reject; rua=mailto:a@b.example", DOMAIN, [Verdict.OK]),
        ("v=DMARC1; p=none; rua=mailto:a@b.example", DOMAIN, [Verdict.ADVICE]),
        ("v=DMARC1; p=reject", DOMAIN, [Verdict.ADVICE]),
        ("v=DMARC1; p=maybe", DOMAIN, [Verdict.MISSING]),
        ("v=DMARC1;p=reject;rua=mailto:a@b.example", f"bounce.{DOMAIN}", [Verdict.OK]),
        ("v=DMARC1; p=reject; aspf=s; rua=mailto:a@b.example", f"bounce.{DOMAIN}", [Verdict.OK, Verdict.MISSING]),
        ("v=DMARC1; p=reject; rua=mailto:a@b.example", "bounce.provider.example", [Verdict.OK, Verdict.MISSING]),
    ],
)
def test_dmarc_says_what_counts_and_whether_our_own_mail_does(
    value: str, bounces: str, expected: list[Verdict]
) -> None:
    with asking(f'{DOMAIN}. 60 IN A 192.0.2.1\n_dmarc.{DOMAIN}. 60 IN TXT "{value}"\n') as names:
        assert [verdict for verdict, _ in found(dmarc.examine(names, DOMAIN, bounces, DOMAIN))] == expected


def test_a_subdomain_has_the_policy_of_the_domain_above_it() -> None:
    text = "v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@b.example"
    with asking(f'_dmarc.{DOMAIN}. 60 IN TXT "{text}"\n') as names:
        finding = one(dmarc.examine(names, f"nieuws.{DOMAIN}", f"bounce.{DOMAIN}", f"nieuws.{DOMAIN}"))
    assert (finding.verdict, "p=quarantine" in finding.text) == (Verdict.OK, True)


def test_a_pointer_must_lead_back() -> None:
    zone = GOOD.replace(f"relay.{DOMAIN}. 60 IN A 192.0.2.25", f"relay.{DOMAIN}. 60 IN A 192.0.2.99")
    relay = RelaySettings()
    with asking(zone) as names:
        wrong = one(hosts.pointers(names, [ADDRESS], relay))
        none = one(hosts.pointers(names, [ip_address("2001:db8::1")], relay))
        unknown = one(hosts.pointers(names, hosts.leaving_by(names, [], relay), relay))
    assert "doesn't lead back" in wrong.text
    assert wrong.record == f"relay.{DOMAIN}. 3600 IN A 192.0.2.25"
    assert (none.record or "").startswith("1.0.0.0.0.0.0.0")
    assert "ip6.arpa. 3600 IN PTR" in (none.record or "")
    assert (unknown.verdict, "--address" in unknown.text) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("zone", "verdict"),
    [
        ("b.example. 60 IN MX 10 mx.b.example.\nmx.b.example. 60 IN A 192.0.2.1\n", Verdict.OK),
        ("b.example. 60 IN MX 10 mx.b.example.\n", Verdict.MISSING),
        ("b.example. 60 IN MX 0 .\n", Verdict.MISSING),
        ("b.example. 60 IN A 192.0.2.1\n", Verdict.ADVICE),
        ("b.example. 60 IN TXT x\n", Verdict.MISSING),
    ],
)
def test_bounces_need_a_host_that_takes_them(zone: str, verdict: Verdict) -> None:
    with asking(zone) as names:
        assert one(hosts.bounces(names, "b.example")).verdict is verdict


def test_the_relays_certificate_is_checked_and_its_end_foretold(authority: Authority, tmp_path: Path) -> None:
    other = make_authority(tmp_path / "other", expired=True)
    now = datetime.now(UTC)
    with aiosmtpd_relay(starttls=authority.server()) as (port, _):
        ours = {"port": port, "security": "starttls", "ca_file": str(authority.ca_file)}
        relay = RelaySettings.model_validate(ours)
        assert one(hosts.transport(relay, now)).verdict is Verdict.OK
        assert "renew it" in one(hosts.transport(relay, now + timedelta(days=20))).text
        stranger = RelaySettings.model_validate({**ours, "ca_file": str(other.ca_file)})
        assert one(hosts.transport(stranger, now)).verdict is Verdict.MISSING
    with aiosmtpd_relay(starttls=other.server()) as (port, _):
        expired = RelaySettings.model_validate({**ours, "port": port, "ca_file": str(other.ca_file)})
        assert "expired" in one(hosts.transport(expired, now)).text
    assert one(hosts.transport(relay, now)).verdict is Verdict.UNKNOWN  # nobody there: it says nothing about TLS


def test_every_relay_is_examined(
    app: App, cli: Callable[..., Ran], authority: Authority, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aiosmtpd_relay(starttls=authority.server()) as (port, _), name_server(Zone(GOOD)) as place:
        file = project / "outreach.toml"
        tls = f'host = "127.0.0.1"\nsecurity = "starttls"\nca_file = "{authority.ca_file}"\n'
        relays = "".join(
            f"[relays.{name}]\nport = {at}\n{tls}" for name, at in (("first", port), ("second", free_port()))
        )
        file.write_text(file.read_text() + relays)
        ran = cli("doctor", DOMAIN, "--nameserver", place, "--address", ADDRESS)
    assert f"ok      tls: 127.0.0.1:{port}" in ran.out, ran.out + ran.err
    assert ran.out.count(" tls: ") == 2
    assert "can't be reached" in ran.out


def test_a_site_of_another_project_does_not_count_as_ours(
    app: App, cli: Callable[..., Ran], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from outreach.links import Links

    port = free_port()
    monkeypatch.setenv("OUTREACH_SITE__URL", f"https://127.0.0.1:{port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    other = replace(app, links=Links(f"https://127.0.0.1:{port}", b"another key" * 3))
    with name_server(Zone(GOOD)) as place:
        with https_site(other, authority, port):
            ran = cli("doctor", DOMAIN, "--nameserver", place)
        away = cli("doctor", DOMAIN, "--nameserver", place)
    assert "doesn't know our links" in ran.out
    assert "can't be reached from here" in away.out


@pytest.mark.parametrize("text", ["", "localhost", "a b.example", "x" * 70 + ".example", "..", "https://a.example"])
def test_what_is_no_domain_is_refused(text: str, app: App, cli: Callable[..., Ran]) -> None:
    with pytest.raises(Refusal, match="no domain name"):
        domain_name(text)


@pytest.mark.parametrize("place", ["name.example:53", "1.2.3.4:99999", "1.2.3.4:x", ":53"])
def test_a_name_server_is_an_ip_address(place: str) -> None:
    with pytest.raises(Refusal, match="--nameserver"):
        open_names(place)


def test_name_servers_in_every_form() -> None:
    for text, host, port in (
        ("9.9.9.9", "9.9.9.9", 53),
        ("127.0.0.1:5353", "127.0.0.1", 5353),
        ("::1", "::1", 53),
        ("[::1]:5353", "::1", 5353),
    ):
        resolver = open_names(text).resolver
        assert (resolver.nameservers[0], resolver.port) == (host, port)


def test_what_a_strangers_zone_says_can_not_steer_the_terminal(app: App, cli: Callable[..., Ran]) -> None:
    zone = GOOD.replace("p=quarantine", "p=\\027[31mred")
    with name_server(Zone(zone)) as place:
        ran = cli("doctor", DOMAIN, "--nameserver", place)
    assert "is no policy" in ran.out
    assert "\x1b" not in ran.out
