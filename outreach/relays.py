"""The settings of relays and of recipients' providers: where mail goes out, and how fast it may go to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from outreach.documents import Section

# Addresses at any domain that no provider lists.
OTHER = "other"
_NAME = re.compile(r"[a-z][a-z0-9]{0,29}\Z")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+\Z")


class RelaySettings(Section):
    host: str = Field("127.0.0.1", description="The relay (smarthost) that takes our mail")
    port: int = Field(25, ge=1, le=65535, description="25, 587 (STARTTLS) or 465 (TLS)")
    security: Literal["none", "starttls", "tls"] = Field("none", description="none only to this machine")
    username: str = Field("", description="Login; empty = no login")
    password: SecretStr = Field(SecretStr(""), description="Better in the environment: OUTREACH_RELAY__PASSWORD")
    ca_file: str = Field("", description="Certificates to trust instead of the system's")
    connections: int = Field(4, ge=1, le=50, description="Connections at the same time, of each process that sends")
    per_second: float = Field(0, ge=0, description="Messages a second at most, of all processes; 0 = no limit")
    per_day: int = Field(0, ge=0, description="Messages a day at most, of all processes, Brussels time; 0 = no limit")
    warmup_start: int = Field(0, ge=0, description="Messages on the first day of a new relay; 0 = no warm-up")
    warmup_growth: float = Field(1.5, gt=1, le=10, description="Growth of that after each day that used half of it")
    warmup_until: int = Field(20_000, ge=1, description="Once the ceiling would pass this, the warm-up is over")
    backup: bool = Field(False, description="Used only while no relay without this can take mail")
    timeout: float = Field(600, ge=1, le=3600, description="Seconds to wait after the final dot (RFC 5321: 600)")

    @model_validator(mode="after")
    def _secure(self) -> RelaySettings:
        if self.username and self.security == "none":
            raise ValueError("a login without TLS shows the password to everybody: set security to starttls or tls")
        if self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(f"{self.host} is another machine: set security to starttls or tls")
        return self


@dataclass(frozen=True)
class Relay:
    """A relay under the name by which its rest, its pace and its days are kept."""

    name: str
    settings: RelaySettings


def only(settings: RelaySettings) -> Relay:
    """Return the one relay of `[relay]`, which is called after its place."""
    return Relay(f"{settings.host}:{settings.port}", settings)


def _domains(value: list[str]) -> list[str]:
    for domain in value:
        if not _DOMAIN.match(domain):
            raise ValueError(f"{domain!r} is no domain: write it in small letters, such as gmail.com")
    return value


class ProviderSettings(Section):
    domains: Annotated[list[str], AfterValidator(_domains)] = Field([], description="Domains of its addresses")
    per_minute: float = Field(
        0, ge=0, description="Messages a minute at most, of all processes and relays; 0 = no limit"
    )


# Free mail and the mailboxes of Belgian access providers. Companies with a domain of their own are `other`, wherever
# their mailboxes are: that would take a look at each domain's MX.
PROVIDERS: Mapping[str, dict[str, Any]] = {
    "google": {"domains": ["gmail.com", "googlemail.com"], "per_minute": 600},
    "microsoft": {
        "domains": ["outlook.com", "outlook.be", "outlook.fr", "hotmail.com", "hotmail.be", "hotmail.fr", "hotmail.nl",
                    "live.com", "live.be", "live.nl", "live.fr", "msn.com"],
        "per_minute": 300,
    },
    "yahoo": {
        "domains": ["yahoo.com", "yahoo.fr", "yahoo.co.uk", "yahoo.de", "ymail.com", "rocketmail.com", "myyahoo.com",
                    "aol.com"],
        "per_minute": 120,
    },
    "icloud": {"domains": ["icloud.com", "me.com", "mac.com"], "per_minute": 120},
    "telenet": {"domains": ["telenet.be", "pandora.be"], "per_minute": 120},
    "proximus": {"domains": ["skynet.be", "proximus.be", "belgacom.net", "scarlet.be"], "per_minute": 120},
    "voo": {"domains": ["voo.be", "brutele.be", "evonet.be"], "per_minute": 60},
    "combell": {"domains": ["combell.com", "combell.be"], "per_minute": 0},
    "gmx": {"domains": ["gmx.com", "gmx.net", "gmx.de", "web.de"], "per_minute": 60},
    "proton": {"domains": ["proton.me", "protonmail.com", "pm.me"], "per_minute": 60},
    OTHER: {"domains": [], "per_minute": 0},
}  # fmt: skip


def _names(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in value:
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name: write at most 30 small letters and digits")
    return value


def _with_known(value: object) -> object:
    """Put what is set for a provider over what we know of it, so that a rate alone keeps the domains."""
    if not isinstance(value, dict):
        return value
    merged: dict[str, object] = {**PROVIDERS, **value}
    for name, known in PROVIDERS.items():
        given = value.get(name)
        if isinstance(given, dict):
            merged[name] = {**known, **given}
    return merged


def _each_once(value: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
    seen: dict[str, str] = {}
    for name, provider in value.items():
        for domain in provider.domains:
            if domain in seen:
                raise ValueError(f"{domain} stands under {seen[domain]} and {name}: keep one")
            seen[domain] = name
    return value


Relays = Annotated[dict[str, RelaySettings], AfterValidator(_names)]
Providers = Annotated[
    dict[str, ProviderSettings], BeforeValidator(_with_known), AfterValidator(_names), AfterValidator(_each_once)
]


def known_providers() -> dict[str, ProviderSettings]:
    return {name: ProviderSettings.model_validate(known) for name, known in PROVIDERS.items()}


def provider_of(domain: str, providers: Mapping[str, ProviderSettings]) -> str:
    """Return the provider that lists a domain."""
    return next((name for name, one in providers.items() if domain.lower() in one.domains), OTHER)
