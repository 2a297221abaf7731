"""The language of segments, defined once: what a file may say, how it is checked, and the schema that editors read.

The keys of a rule are joined by "and", the values of a list by "or"; `all`, `any` and `not` hold rules of their own.
A file's scalars arrive as the text that was typed, so `01` and `41.20` need no quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from outreach.audience.segments import values
from outreach.models import AddressKind, CollaborationKind, CompanyStatus

# SQLite refuses expressions that are more than 1,000 deep.
MAX_VALUES = 300
MAX_RULES = 50


class To(StrEnum):
    """Who must have got a mail: this contact's address, or any contact of the company."""

    CONTACT = "contact"
    COMPANY = "company"


def _listed(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty: give a value, or leave the key out")
    if isinstance(value, dict):
        raise ValueError("takes a value or a list of values, no keys")
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise ValueError("is an empty list: give a value, or leave the key out")
    if len(listed) > MAX_VALUES:
        raise ValueError(f"has {len(listed)} values; at most {MAX_VALUES} are read")
    return listed


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if any(ord(mark) < 32 for mark in value):
        raise ValueError("must be one line")
    return value.strip()


def _checked(check: Any) -> AfterValidator:
    """Return a validator that keeps the text as typed once `check` accepts it."""

    def keep(text: str) -> str:
        check(text)
        return text.strip()

    return AfterValidator(keep)


Item = Annotated[str, AfterValidator(_text)]
Listed = BeforeValidator(_listed)


Provinces = Annotated[tuple[Annotated[Item, _checked(values.provinces)], ...], Listed]
Postcodes = Annotated[tuple[Annotated[Item, _checked(values.postcodes)], ...], Listed]
Municipalities = Annotated[tuple[Annotated[Item, _checked(values.municipality)], ...], Listed]
Forms = Annotated[tuple[Annotated[Item, _checked(values.form)], ...], Listed]
Names = Annotated[tuple[Item, ...], Listed]
Period = Annotated[str, AfterValidator(_text), _checked(values.period)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=False)


def _short_for(key: str) -> Any:
    """Return a validator that reads a value without keys as the value of `key`."""
    return lambda value: value if isinstance(value, dict | BaseModel) else {key: value}


def _code(text: str, info: ValidationInfo) -> str:
    if "version" in info.data:
        values.sector(text, int(info.data["version"]))
    return text


class Sectors(Part):
    """NACE-BEL codes of one version."""

    version: Literal["2008", "2025"] = Field("2025", description="Version of NACE-BEL that the codes are of")
    codes: Annotated[tuple[Annotated[Item, AfterValidator(_code)], ...], Listed] = Field(
        description="Section letters, or codes of any level with or without dots"
    )


class NotMailed(Part):
    """No campaign mailed this address, or anyone at the company, within a period."""

    period: Period = Field(description="For example 30 days, 6 weeks, 3 months (of 30 days)")
    to: To = Field(To.CONTACT, description="contact: this address; company: anyone at the company")


class Shown(Part):
    """One of these services stood in a mail of a campaign."""

    service: Names = Field(description="Slugs of services")
    within: Period | None = Field(None, description="Only mails of the last so many days, weeks or months")
    to: To = Field(To.CONTACT, description="contact: this address; company: anyone at the company")


class Collaborating(Part):
    """The company is or was customer or supplier of a maatwerkbedrijf."""

    enterprise: Names = Field(("any",), description="Slugs of enterprises, or any")
    kind: Annotated[tuple[CollaborationKind, ...], Listed] | None = Field(None, description="customer, supplier")
    year: Annotated[tuple[Annotated[int, Field(ge=1950, le=2100)], ...], Listed] | None = Field(
        None, description="Years in one of which it was going on"
    )


SectorRule = Annotated[Sectors, BeforeValidator(_short_for("codes"))]
MailedRule = Annotated[NotMailed, BeforeValidator(_short_for("period"))]
ShownRule = Annotated[Shown, BeforeValidator(_short_for("service"))]
CollaborationRule = Annotated[Collaborating, BeforeValidator(_short_for("enterprise"))]


class Rule(Part):
    """Which contacts: every key must hold, of a list one value is enough."""

    province: Provinces | None = Field(
        None, description="Seat or any establishment lies in one of these provinces (name or NIS code; vlaanderen = 5)"
    )
    seat_province: Provinces | None = Field(None, description="The seat lies in one of these provinces")
    establishment_province: Provinces | None = Field(
        None, description="An establishment lies in one of these provinces, wherever the seat is"
    )
    postcode: Postcodes | None = Field(
        None, description="Seat or any establishment has one of these postcodes, or lies in a range such as 8500-8599"
    )
    municipality: Municipalities | None = Field(
        None, description="Seat or any establishment lies in one of these municipalities (Dutch name or NIS code)"
    )
    sector: SectorRule | None = Field(
        None, description="NACE-BEL 2025 sections or codes of any level; for 2008: {version: 2008, codes: [...]}"
    )
    legal_form: Forms | None = Field(None, description="Legal forms, such as bv, nv, vzw")
    company_status: Annotated[tuple[CompanyStatus, ...], Listed] | None = Field(
        None, description="Status of the company; all but active are refused at the send anyway"
    )
    kind: Annotated[tuple[AddressKind, ...], Listed] | None = Field(
        None, description="role: an impersonal address such as info@; personal: all others"
    )
    tag: Names | None = Field(None, description="The contact has one of these tags")
    topic: Names | None = Field(None, description="The contact follows one of these topics")
    not_mailed_within: MailedRule | None = Field(
        None, description="No campaign mailed this address within e.g. 30 days; {period: 30 days, to: company}"
    )
    shown: ShownRule | None = Field(
        None, description="Was shown one of these services; {service: [...], within: 90 days, to: company}"
    )
    not_shown: ShownRule | None = Field(None, description="Was shown none of these services; written as shown")
    collaboration: CollaborationRule | None = Field(
        None, description="Works with an enterprise: any, slugs, or {enterprise: ..., kind: customer, year: 2025}"
    )
    no_collaboration: CollaborationRule | None = Field(
        None, description="Has no such collaboration; written as collaboration"
    )
    all: Annotated[tuple[Rule, ...], BeforeValidator(lambda value: _rules(value))] | None = Field(
        None, description="Every one of these rules holds"
    )
    any: Annotated[tuple[Rule, ...], BeforeValidator(lambda value: _rules(value))] | None = Field(
        None, description="At least one of these rules holds"
    )
    not_: Rule | None = Field(None, alias="not", description="This rule does not hold")

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise ValueError("is no rule: write keys with values, such as province: limburg")
        if not value:
            raise ValueError("is an empty rule: give it a key")
        return value

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the keys that the rule gives, under the names that files use, with their values."""
        for name, field in Rule.model_fields.items():
            value = getattr(self, name)
            if value is not None:
                yield field.alias or name, value


def _rules(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("takes a list of rules, each on its own line after a dash")
    if len(value) > MAX_RULES:
        raise ValueError(f"has {len(value)} rules; at most {MAX_RULES} are read")
    return value


class SegmentFile(Rule):
    """A segment: a title and the rule that says who is in it; without any key, every contact."""

    title: Item = Field(description="What staff read in lists, in Dutch")
    description: str | None = Field(None, description="Why the segment exists, for whoever comes after you")


# What may be written as the value of one of its keys alone.
SHORT_FORMS: dict[type[Part], str] = {
    Sectors: "codes",
    NotMailed: "period",
    Shown: "service",
    Collaborating: "enterprise",
}
