"""Maatwerkbedrijven and the services they sell."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.models.columns import CodeText, PrimaryKey, Table, words


class DeliveryForm(StrEnum):
    """Where and how the work is done."""

    WORKSHOP = "workshop"  # in het atelier
    ON_SITE = "on_site"  # bij de klant (enclave)
    SUBCONTRACTING = "subcontracting"  # onderaanneming
    PRODUCT = "product"  # product


class Enterprise(Table):
    """A maatwerkbedrijf. `email` receives its leads and is never shown or mailed by a campaign."""

    __tablename__ = "enterprise"

    id: Mapped[PrimaryKey]
    enterprise_number: Mapped[str] = mapped_column(String(10), unique=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(320))
    postcode: Mapped[str] = mapped_column(String(12))
    municipality_nis: Mapped[str | None] = mapped_column(String(5))
    province_nis: Mapped[str | None] = mapped_column(String(5))
    email: Mapped[str] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    website: Mapped[str | None] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text, default="")
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    services: Mapped[list[Service]] = relationship(back_populates="enterprise")


class Service(Table):
    """What an enterprise sells. Without rows in `sectors` it suits every sector."""

    __tablename__ = "service"

    id: Mapped[PrimaryKey]
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"), index=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(40), index=True)
    summary: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    picture: Mapped[str | None] = mapped_column(String(300))
    picture_alt: Mapped[str] = mapped_column(String(300), default="")
    taking_customers: Mapped[bool] = mapped_column(default=True)
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    enterprise: Mapped[Enterprise] = relationship(back_populates="services")
    forms: Mapped[list[ServiceForm]] = relationship(cascade="all, delete-orphan")
    provinces: Mapped[list[ServiceProvince]] = relationship(cascade="all, delete-orphan")
    sectors: Mapped[list[ServiceSector]] = relationship(cascade="all, delete-orphan")


class ServiceForm(Table):
    __tablename__ = "service_form"

    service_id: Mapped[int] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    form: Mapped[DeliveryForm] = mapped_column(words(DeliveryForm, "delivery_form"), primary_key=True)


class ServiceProvince(Table):
    __tablename__ = "service_province"

    service_id: Mapped[int] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    province_nis: Mapped[str] = mapped_column(String(5), primary_key=True)


class ServiceSector(Table):
    """A NACE-BEL code of any level that the service suits; `section_2025` is what cohorts are matched on."""

    __tablename__ = "service_sector"

    service_id: Mapped[int] = mapped_column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(CodeText, primary_key=True)
    section_2025: Mapped[str | None] = mapped_column(String(1))
