"""The settings of a project folder: `outreach.toml`, overruled by `OUTREACH_<SECTION>__<NAME>` in the environment.

An unknown name is refused with file, line and the known names: a misspelt limit must not silently be no limit.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, model_validator

from outreach.documents import Document, Section, read_toml, validate
from outreach.errors import Complaint, FileRefused, Refusal
from outreach.relays import Providers, Relay, Relays, known_providers, only
from outreach.relays import ProviderSettings as ProviderSettings
from outreach.relays import RelaySettings as RelaySettings
from outreach.values import HostName, Line, Origin, ProxyAddress, Topics, WebAddress, Window

FILE_NAME = "outreach.toml"
PREFIX = "OUTREACH_"
NAME = "NAME"
LOCAL = ("127.0.0.1", "localhost", "::1")
# Not settings: they say where the settings are, or belong to the command line.
RESERVED = frozenset({"OUTREACH_PROJECT"})


class SenderType(StrEnum):
    """What the sender is decides which legal bases it may rely on."""

    FEDERATION = "federation"
    AUTHORITY = "authority"
    ENTERPRISE = "enterprise"


class DatabaseSettings(Section):
    url: str = Field("sqlite:///outreach.db", description="sqlite:///file or postgresql://user:password@host/name")


class SiteSettings(Section):
    name: Line = Field("Werk dat past", description="Name over the mails and the pages: the mark of the newsletter")
    tagline: Line = Field("bedrijven en maatwerk, dicht bij elkaar", description="Line under that name; empty = none")
    url: WebAddress = Field("http://127.0.0.1:8000", description="Where companies reach the public pages")
    host: str = Field("127.0.0.1", description="Address that `outreach up` listens on")
    port: int = Field(8000, ge=1, le=65535, description="Port that `outreach up` listens on")
    staff_language: Literal["nl", "en"] = Field("nl", description="Language of the staff pages")
    trusted_proxies: list[ProxyAddress] = Field(
        [], description="Addresses or networks of proxies of ours; only these are believed about who visits"
    )

    @property
    def port_fault(self) -> str:
        """Say that `url` names another port of this machine than the site listens on; nothing if it doesn't."""
        address = urlsplit(self.url)
        if address.hostname not in LOCAL or address.port in (None, self.port):
            return ""
        return (
            f"site.url names port {address.port}, the site listens on {self.port}: links in mails lead nowhere; "
            f"write {self.url.replace(f':{address.port}', f':{self.port}', 1)} there, or mend site.port"
        )


class SenderSettings(Section):
    """Who sends: stands in every mail (Economic Law Code XII.6 and XII.13)."""

    type: SenderType = Field(SenderType.FEDERATION, description="federation, authority or enterprise")
    name: Line = Field("", description="Name of the organisation")
    address: Line = Field("", description="Postal address, on one line")
    enterprise_number: Line = Field("", description="Enterprise number of the organisation")
    email: str = Field("", description="Address where people can reach a person")
    website: str = Field("", description="Web address of the organisation")


class MailSettings(Section):
    from_name: Line = Field("", description="Name in From; empty = sender.name")
    from_address: str = Field("", description="Address in From; empty = sender.email")
    reply_to: str = Field("", description="Reply-To; empty = none")
    bounce_domain: str = Field("", description="Domain of bounces+<token>@…; empty = envelope sender is From")
    list_id: Line = Field("", description="List-Id; empty = outreach.<domain of From>")


class DkimSettings(Section):
    """The signature under our mails; files count from the project folder."""

    domain: HostName = Field("", description="Domain that signs, that of From or one above it; empty = the relay signs")
    selector: HostName = Field("outreach", description="Selector: the key's record is <selector>._domainkey.<domain>")
    key_file: str = Field(".state/dkim.pem", description="Private RSA key of 2048 bits, made by `outreach dkim key`")
    ed25519_key_file: str = Field("", description="Private Ed25519 key for a second signature; empty = none")
    ed25519_selector: HostName = Field("outreach-ed", description="Selector of that key")
    identity: Line = Field("", description="Who signs (i=), such as @nieuws.example.be; empty = @<domain>")

    @model_validator(mode="after")
    def _within(self) -> DkimSettings:
        if not (self.selector and self.ed25519_selector):
            raise ValueError("a selector can't be empty: receivers find the key by it")
        host = self.identity.rpartition("@")[2].lower()
        if self.identity and ("@" not in self.identity or not f".{host}".endswith(f".{self.domain.lower()}")):
            raise ValueError(f"identity {self.identity!r} must end in the domain, such as @{self.domain}")
        if self.ed25519_key_file and self.ed25519_selector == self.selector:
            raise ValueError("ed25519_selector is that of the other key: each key needs a record of its own")
        return self


class InboxSettings(Section):
    """What comes back: bounces, complaints, automatic replies and answers. Each way in is used where it is set."""

    imap_host: str = Field("", description="IMAP server of the mailbox that bounces and answers go to; empty = none")
    imap_port: int = Field(993, ge=1, le=65535, description="993 (TLS) or 143 (STARTTLS)")
    imap_security: Literal["none", "starttls", "tls"] = Field("tls", description="none only to this machine")
    imap_username: str = Field("", description="Login")
    imap_password: SecretStr = Field(SecretStr(""), description="Better in OUTREACH_INBOX__IMAP_PASSWORD")
    imap_ca_file: str = Field("", description="Certificates to trust instead of the system's")
    imap_folder: str = Field("INBOX", min_length=1, description="Folder that is read")
    imap_after: Literal["keep", "delete"] = Field("keep", description="What becomes of a message that was taken in")
    maildir: str = Field("", description="Maildir whose new mail is read; empty = none")
    maildir_after: Literal["cur", "keep", "delete"] = Field(
        "cur", description="Move what was taken in to cur/, leave it in new/, or delete it"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="whsec_… (Standard Webhooks); empty = no webhook; better in the environment"
    )
    webhook_tolerance: int = Field(300, ge=10, le=3600, description="Seconds that a webhook's time may be off")
    ses_certificates: str = Field("", description="File with the certificates (PEM) of Amazon SNS; empty = none taken")
    ses_topics: list[Line] = Field([], description="ARNs of the SNS topics that are believed")
    brevo_token: SecretStr = Field(SecretStr(""), description="Bearer token of the Brevo webhook; empty = none taken")
    reply_domain: Line = Field("", description="Domain of antwoord+<token>@…, the Reply-To of campaigns; empty = none")
    acknowledge: bool = Field(False, description="Tell a company once that its answer arrived (RFC 3834)")
    soft_limit: int = Field(3, ge=2, le=20, description="Campaigns in a row that came back soft: suppressed")
    soft_days: int = Field(365, ge=1, description="Soft bounces older than this count no more")
    policy_domains: int = Field(5, ge=2, description="Recipient domains that turn us away: the campaign pauses")
    policy_share: float = Field(0.02, ge=0, le=1, description="And at least this part of its mails came back so")
    answer_days: int = Field(180, ge=1, description="Days that the text of an answer, or of a settled mail, is kept")
    max_bytes: int = Field(1_000_000, ge=100_000, le=20_000_000, description="Of a larger message the start is kept")
    batch: int = Field(50, ge=1, le=1000, description="Messages that are taken in at a time")

    @model_validator(mode="after")
    def _secure(self) -> InboxSettings:
        if self.imap_security == "none" and self.imap_host not in ("", "localhost", "127.0.0.1", "::1"):
            raise ValueError(f"{self.imap_host} is another machine: set imap_security to tls or starttls")
        if self.imap_host and not self.imap_username:
            raise ValueError("imap_host is set, but imap_username is not: an IMAP mailbox wants a login")
        return self


class SendingSettings(Section):
    office_opens: time = Field(time(9, 0), description="Start of office hours, Europe/Brussels")
    office_closes: time = Field(time(17, 0), description="End of office hours")
    max_lateness_minutes: int = Field(120, ge=1, description="A campaign due longer ago waits for a person")
    audience_tolerance: float = Field(0.2, ge=0, le=10, description="Audience off the approved count by more: pause")
    retry_hours: int = Field(72, ge=1, le=240, description="How long a 4xx is retried")
    window: Window = Field(
        "always",
        description="When campaigns are sent: always, office (office hours on working days), 08:00-20:00 on working "
        "days, or daily 08:00-20:00; a campaign file may say otherwise",
    )
    lease_seconds: int = Field(45, ge=5, le=3600, description="A worker silent for longer loses its rows")
    approve_own: bool = Field(False, description="true for a team of one: who submitted may approve")


class LimitSettings(Section):
    """When a campaign waits for what comes of its first mails, and when it pauses by itself."""

    rejected: float = Field(0.1, gt=0, le=1, description="Pause past this share of mails refused by the relay")
    bounced: float = Field(0.08, gt=0, le=1, description="Pause past this share of mails that bounced")
    complained: float = Field(0.003, gt=0, le=1, description="Pause past this share of mails complained about")
    among: int = Field(1000, ge=10, description="The shares are those of the last so many mails, and of all")
    least: int = Field(100, ge=1, description="Mails that must have been tried before a share counts")
    canary: int = Field(0, ge=0, description="So many mails go first and the others wait; 0 = none")
    canary_minutes: int = Field(60, ge=1, le=10_080, description="How long they wait for bounces and complaints")
    notify: str = Field("", description="Address that is told when a campaign pauses by itself; empty = nobody")


class FrequencySettings(Section):
    max: int = Field(2, ge=0, description="Mails to one address within the days below; 0 = no cap")
    days: int = Field(30, ge=1, le=366, description="The window of the cap")

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)


class TrackingSettings(Section):
    min_cohort: int = Field(10, ge=2, description="Companies that share a link at least")


class LeadSettings(Section):
    window_days: int = Field(90, ge=1, description="A lead this long after the showing counts as 'shown'")
    reminder_days: list[int] = Field([3, 7], description="Days after which an enterprise is reminded of a new lead")
    forms_per_hour: int = Field(10, ge=1, description="Contact forms an hour from one place")
    copies_per_hour: int = Field(60, ge=0, description="Confirmations of contact forms an hour, to all; 0 = none")


class SubscribingSettings(Section):
    """Signing up on the public pages, and what people choose there. `{sender}` in a text is `sender.name`."""

    topics: Topics = Field(
        {
            "diensten": "Diensten van maatwerkbedrijven in uw buurt",
            "bezoekdagen": "Bezoekdagen en evenementen",
            "verhalen": "Verhalen van bedrijven die samenwerken",
        },
        description="Topics that people choose from, code = label; a campaign's topic is one of these codes",
    )
    text: Line = Field(
        "Ik wil de nieuwsbrief van {sender} krijgen over samenwerken met maatwerkbedrijven. "
        "Ik kan me op elk moment uitschrijven, met de link onderaan elke mail.",
        description="What people agree to when they sign up; kept word for word as evidence",
    )
    text_version: Line = Field("2026-11", description="Version of that text: change it with the text")
    tracking_text: Line = Field(
        "{sender} mag bijhouden op welke links in de nieuwsbrief ik klik, om me beter passende diensten te tonen. "
        "Ik kan dat op elk moment weer uitzetten.",
        description="What people agree to when they allow personal links",
    )
    tracking_version: Line = Field("2026-11", description="Version of that text")
    link_days: int = Field(3, ge=1, le=30, description="Days that the link in a confirmation mail works")
    keep_days: int = Field(7, ge=1, le=90, description="Days after which an unconfirmed sign-up is erased")
    per_address: int = Field(3, ge=1, le=20, description="Mails of this kind a day to one address")
    per_place: int = Field(10, ge=1, description="Sign-ups an hour from one place")
    per_hour: int = Field(300, ge=1, description="Sign-ups an hour in all")
    embed_origins: list[Origin] = Field(
        [], description="Sites whose own sign-up form or frame of ours is trusted, such as https://www.example.be"
    )

    @model_validator(mode="after")
    def _kept_as_long_as_it_works(self) -> SubscribingSettings:
        if self.keep_days < self.link_days:
            raise ValueError("keep_days is less than link_days: the link would outlive what it confirms")
        return self


class CheckingSettings(Section):
    programs: list[Line] = Field(
        [], description="Mail programs of the readers, as caniemail names them; empty = those usual in Belgian offices"
    )
    spamassassin: bool = Field(True, description="Ask SpamAssassin too, where it is installed")


class LogSettings(Section):
    format: Literal["text", "json"] = Field("text", description="Lines of text, or one JSON object a line")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug also tells every mail sent")
    addresses: bool = Field(False, description="true shows e-mail addresses, which are masked otherwise")


class MetricsSettings(Section):
    token: SecretStr = Field(
        SecretStr(""),
        description="Who reads /metrics from another machine sends it as bearer; empty = this machine only",
    )


class ImportSettings(Section):
    nace_version: Literal[2008, 2025] = Field(2025, description="Version of a code that exists in both and says none")


class Settings(Section):
    """All settings, by section."""

    database: DatabaseSettings = DatabaseSettings()
    site: SiteSettings = SiteSettings()
    sender: SenderSettings = SenderSettings()
    mail: MailSettings = MailSettings()
    dkim: DkimSettings = DkimSettings()
    relay: RelaySettings = RelaySettings()
    relays: Relays = Field({}, description="Several relays by name, instead of [relay]")
    providers: Providers = Field(default_factory=known_providers, description="Recipients' providers by name")
    inbox: InboxSettings = InboxSettings()
    sending: SendingSettings = SendingSettings()
    limits: LimitSettings = LimitSettings()
    frequency: FrequencySettings = FrequencySettings()
    tracking: TrackingSettings = TrackingSettings()
    leads: LeadSettings = LeadSettings()
    subscribing: SubscribingSettings = SubscribingSettings()
    checking: CheckingSettings = CheckingSettings()
    imports: ImportSettings = ImportSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    @model_validator(mode="after")
    def _one_or_several(self) -> Settings:
        if self.relays and "relay" in self.model_fields_set:
            raise ValueError("[relay] is for one relay and [relays.NAME] for several: write one or the other")
        if self.relays and all(relay.backup for relay in self.relays.values()):
            raise ValueError("every relay has backup = true: one at least carries mail while all is well")
        return self

    @property
    def all_relays(self) -> list[Relay]:
        """Return the relays in the order of the file."""
        return [Relay(name, relay) for name, relay in self.relays.items()] or [only(self.relay)]

    @property
    def from_address(self) -> str:
        return self.mail.from_address or self.sender.email

    @property
    def from_name(self) -> str:
        return self.mail.from_name or self.sender.name

    @property
    def mail_domain(self) -> str:
        return self.from_address.rpartition("@")[2] or "localhost.localdomain"


def load_settings(project: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read `outreach.toml` in `project` and the environment; FileRefused or Refusal names every fault."""
    environment = os.environ if environment is None else environment
    file = project / FILE_NAME
    document = read_toml(file) if file.exists() else Document(file, {}, {})
    from_file = validate(Settings, document)
    overrides = _from_environment(environment)
    if not overrides:
        return from_file
    data = copy.deepcopy(document.data)
    for names, value in overrides.items():
        section = data
        for name in names[:-1]:
            section = section.setdefault(name, {})
        section[names[-1]] = value
    try:
        return validate(Settings, Document(Path("environment"), data, {}))
    except FileRefused as error:
        raise Refusal("\n".join(_as_variable(complaint) for complaint in error.complaints)) from error


def sections() -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield where each section stands and what it holds; NAME stands for the names that a project gives."""
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield (section,), field.annotation
        else:
            yield (section, NAME), get_args(field.annotation)[1]


def _from_environment(environment: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    models = {place[0]: (len(place), model) for place, model in sections()}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        names = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        depth, model = models.get(names[0], (0, Section))
        if len(names) != depth + 1 or names[-1] not in model.model_fields:
            raise Refusal(f"environment: {variable} is no setting; known: {', '.join(known_variables())}")
        is_list = get_origin(model.model_fields[names[-1]].annotation) is list
        found[names] = _as_list(value) if is_list else value
    return found


def _as_list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def known_variables() -> list[str]:
    """Return the name of every setting as an environment variable."""
    return [PREFIX + "__".join((*place, name)).upper() for place, model in sections() for name in model.model_fields]


def _as_variable(complaint: Complaint) -> str:
    names, _, text = complaint.text.partition(": ")
    *places, name = names.split(".")
    return f"environment, {PREFIX}{''.join(f'{place.upper()}__' for place in places)}{name}: {text}"
