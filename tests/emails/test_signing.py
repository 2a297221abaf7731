"""What we sign, others verify: dkimpy, and Mail::DKIM as SpamAssassin has it; what was changed since, they refuse.

Debian's Mail::DKIM knows no Ed25519 yet. dkimpy wants PyNaCl for it; here `cryptography` does that one multiplication.
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.emails import signing, templates
from outreach.emails.assembly import Attachment, Headers, Mailbox, assemble, assemble_plain, head_of
from outreach.emails.model import MailModel, MergeFields
from outreach.emails.rendering import Rendered, Renderer
from outreach.emails.signing import Signer
from outreach.emails.stencil import Cutter
from outreach.errors import FileRefused, Refusal
from outreach.settings import DkimSettings, load_settings

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
DOMAIN = "maatwerk-dichtbij.example"
SETTINGS = DkimSettings(domain=DOMAIN, selector="nu", ed25519_key_file="ed.pem", key_file="rsa.pem")
ICS = (Attachment("bezoek.ics", "text/calendar; method=PUBLISH", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
BODIES = st.text(alphabet="ab. =\t\r\né€🦊-", max_size=400)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dkim")
    signing.make_key(folder / "rsa.pem")
    signing.make_key(folder / "ed.pem", second=True)
    return folder


@pytest.fixture(scope="session")
def signer(keys: Path) -> Signer:
    made = signing.load(SETTINGS, keys)
    assert made is not None
    return made


@pytest.fixture(scope="session")
def records(keys: Path) -> dict[str, str]:
    return signing.record(SETTINGS, keys) | signing.record(SETTINGS, keys, second=True)


class VerifyKey:
    """PyNaCl's key, as far as dkimpy uses it."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, data: bytes, signature: bytes) -> None:
        self._key.verify(signature, data)


@pytest.fixture(autouse=True, scope="module")
def _ed25519_for_dkimpy() -> Iterator[None]:
    exceptions = SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError)
    nacl = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=VerifyKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=exceptions,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dkim, "nacl", nacl, raising=False)
        patch.setattr(dkim, "time", SimpleNamespace(time=AT.timestamp))  # it believes no signature of tomorrow
        yield


def by_dkimpy(message: bytes, records: dict[str, str]) -> list[bool]:
    """Say of each signature whether dkimpy believes it."""

    def answer(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    count = message.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    verifier = dkim.DKIM(message)
    found = []
    for place in range(count):
        try:
            found.append(bool(verifier.verify(place, dnsfunc=answer)))
        except dkim.DKIMException:
            found.append(False)
    return found


@pytest.fixture(scope="session")
def by_perl(
    mail_dkim: str, tmp_path_factory: pytest.TempPathFactory, records: dict[str, str]
) -> Callable[..., list[str]]:
    """Verify messages with Mail::DKIM; it gives a word for the RSA signature of each."""
    known = tmp_path_factory.mktemp("perl") / "records"
    known.write_text("".join(f"{name} {value}\n" for name, value in records.items()))

    def verify(*messages: bytes) -> list[str]:
        script = Path(__file__).parent / "verify_dkim.pl"
        ran = subprocess.run([mail_dkim, script, known], input=b"\0".join(messages), capture_output=True, check=True)
        return [line.split()[0] for line in ran.stdout.decode().splitlines()]

    return verify


def campaign(signer: Signer, monthly: templates.TemplateSource, model: MailModel, headers: Headers, ann: MergeFields):  # type: ignore[no-untyped-def]
    """Make the same signed message on the fast path and on the plain one."""
    cutter = Cutter(monthly)
    head = head_of(headers, "Dag")
    quick = cutter.cut(model, "c", ICS).message(
        head, cutter.fields(ann), lambda fields, digest: signer.fields(fields, digest, AT)
    )
    rendered = replace(Renderer(monthly).render(model, ann), subject="Dag")
    return quick, signer.sign(assemble(headers, rendered, ICS), AT)


def test_a_campaigns_mail_is_signed_twice_and_both_paths_verify(
    signer: Signer, records: dict[str, str], by_perl: Callable[..., list[str]],
    monthly: templates.TemplateSource, model: MailModel, headers: Headers, ann: MergeFields,
) -> None:  # fmt: skip
    quick, plain = campaign(signer, monthly, model, headers, ann)
    for message in (quick, plain):
        assert by_dkimpy(message, records) == [True, True]
    assert by_perl(quick, plain) == ["pass", "pass"]


def test_every_header_that_means_something_is_signed_and_nothing_can_be_added(
    signer: Signer, records: dict[str, str], headers: Headers
) -> None:
    message = signer.sign(assemble_plain(headers, "Dag", "Tekst."), AT)
    signature = re.sub(rb"\s+", b"", message.partition(b"\r\nFrom:")[0].partition(b"DKIM-Signature:")[2])
    tags = dict(tag.split(b"=", 1) for tag in signature.split(b"DKIM-Signature:")[0].rstrip(b";").split(b";"))
    names = tags[b"h"].split(b":")
    assert (tags[b"a"], tags[b"c"], tags[b"i"]) == (b"rsa-sha256", b"relaxed/relaxed", b"@" + DOMAIN.encode())
    assert b"l" not in tags
    for name in (
        *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe"),
        *("List-Unsubscribe-Post", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    ):
        assert names.count(name.lower().encode()) == 2, name
        forged = f"{name}: x@elders.example\r\n".encode() + message
        assert by_dkimpy(forged, records) == [False, False], name
    assert names.count(b"feedback-id") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Tekst", b"tekst"),
        (b"Subject: Dag", b"Subject: Hoi"),
        (b"One-Click", b"One-click"),
        (b"/u/k", b"/u/x"),
        (b"Tekst.", b"Tekst.\r\nErbij."),
    ],
)
def test_what_was_changed_on_the_way_is_refused(
    signer: Signer, records: dict[str, str], by_perl: Callable[..., list[str]], headers: Headers, old: bytes, new: bytes
) -> None:
    message = signer.sign(assemble_plain(headers, "Dag", "Tekst."), AT)
    changed = message.replace(old, new, 1)
    assert changed != message
    assert by_dkimpy(changed, records) == [False, False]
    assert by_perl(changed) == ["fail"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    subject=ANY_TEXT,
    name=ANY_TEXT,
    text=BODIES,
    page=BODIES,
    spaces=st.sampled_from(["", " ", "\t", "\n\n\n", " \n \n"]),
)
def test_no_text_at_all_breaks_a_signature(
    signer: Signer, records: dict[str, str], subject: str, name: str, text: str, page: str, spaces: str
) -> None:
    headers = Headers(Mailbox(f"s@{DOMAIN}", name), Mailbox("ann@bakkerij.example", name), AT, f"<1@{DOMAIN}>")
    message = signer.sign(assemble(headers, Rendered(subject, page + spaces, spaces + text)), AT)
    assert by_dkimpy(message, records) == [True, True]
    # Relays may fold anew, and squeeze or add blanks at line ends: that is what relaxed form is for.
    assert by_dkimpy(message.replace(b"\r\n ", b"\r\n\t "), records) == [True, True]


def test_mail_dkim_believes_what_dkimpy_does(
    signer: Signer, records: dict[str, str], by_perl: Callable[..., list[str]]
) -> None:
    texts = [
        "",
        ".",
        "..\n.",
        "a  b\t\tc \n\n\n",
        "é" * 300,
        "=3D=\n" * 40,
        "x" * 3000,
        " ",
        "\n\n",
        "From: x\n\nFrom y",
    ]
    messages = []
    for text in texts:
        headers = Headers(Mailbox(f"s@{DOMAIN}", text), Mailbox("ann@bakkerij.example", text), AT, f"<1@{DOMAIN}>")
        messages += [
            signer.sign(assemble_plain(headers, text, text), AT),
            signer.sign(assemble(headers, Rendered(text, text, text)), AT),
        ]
    assert by_perl(*messages) == ["pass"] * len(messages)
    assert [by_dkimpy(message, records) for message in messages] == [[True, True]] * len(messages)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.tuples(ANY_TEXT.filter(str.strip), ANY_TEXT.filter(str.strip), ANY_TEXT))
def test_the_hash_put_together_from_a_stencils_pieces_is_that_of_the_whole(
    signer: Signer, records: dict[str, str], monthly: templates.TemplateSource, model: MailModel, headers: Headers,
    ann: MergeFields, values: tuple[str, str, str],
) -> None:  # fmt: skip
    greeting, why, end = values
    fields = replace(ann, greeting=greeting, why=why, unsubscribe_url=f"https://nieuws.example/u/{end}")
    quick, _ = campaign(signer, monthly, model, headers, fields)
    if quick is not None:
        assert by_dkimpy(quick, records) == [True, True]


def test_a_key_that_can_not_be_used_is_refused_with_the_way_out(tmp_path: Path) -> None:
    only = DkimSettings(domain=DOMAIN, key_file="k.pem")
    file = tmp_path / "k.pem"

    def refused(text: str) -> None:
        with pytest.raises(Refusal, match=text):
            signing.load(only, tmp_path)

    refused("missing; make a key with `outreach dkim key`")
    file.write_text("no key")
    file.chmod(0o600)
    refused("is no private key")
    file.unlink()
    signing.make_key(file, second=True)
    refused("is no RSA key")
    file.unlink()
    small = subprocess.run(["openssl", "genrsa", "1024"], capture_output=True, check=True).stdout
    file.write_bytes(small)
    file.chmod(0o600)
    refused("has 1024 bits, and receivers want 2048")
    file.unlink()
    signing.make_key(file)
    assert signing.load(only, tmp_path) is not None
    file.chmod(0o644)
    refused("others may read it .* chmod 600")
    with pytest.raises(Refusal, match="exists already"):
        signing.make_key(file)
    assert signing.load(DkimSettings(), tmp_path) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('domain = "a b"', "no name in DNS"),
        ('selector = "x_y"', "no name in DNS"),
        ('selector = ""', "can't be empty"),
        ('domain = "federatie.example"\nidentity = "@elders.example"', "must end in the domain"),
        ('ed25519_key_file = "x"\ned25519_selector = "outreach"', "record of its own"),
    ],
)
def test_settings_that_can_not_be_are_refused(project: Path, line: str, said: str) -> None:
    (project / "outreach.toml").write_text(f"[dkim]\n{line}\n")
    with pytest.raises(FileRefused, match=said):
        load_settings(project)


def test_the_command_makes_a_key_and_prints_its_record(project: Path, cli) -> None:  # type: ignore[no-untyped-def]
    assert "dkim.domain is empty" in cli("dkim", "key").err
    written = (project / "outreach.toml").read_text()
    (project / "outreach.toml").write_text(f'{written}\n[dkim]\ndomain = "federatie.example"\nselector = "s1"\n')
    made = cli("dkim", "key")
    assert made.code == 0
    assert made.out.startswith('s1._domainkey.federatie.example. IN TXT "v=DKIM1; k=rsa; p=')
    assert all(len(text) <= 255 for text in re.findall(r'"([^"]*)"', made.out))
    assert cli("dkim", "record").out == made.out
    assert (project / ".state" / "dkim.pem").stat().st_mode & 0o777 == 0o600
    again = cli("dkim", "key")
    assert again.code == 1
    assert "exists already" in again.err
    assert "ed25519_key_file is empty" in cli("dkim", "key", "--second").err
    assert "ok    dkim: federatie.example signs with s1" in cli("check").out
    (project / ".state" / "dkim.pem").chmod(0o640)
    assert "WRONG dkim:" in cli("check").out
