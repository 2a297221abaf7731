"""The contact form on a service's page: what was typed is kept beside its errors, and sending twice makes one lead.

Against robots stand a field that no person sees, a signed time in the form and a limit per hour and place. None of them
throws a form away in silence: who is stopped sees why, with everything still filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from outreach import attempts
from outreach.app import App
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.campaigns import hits
from outreach.catalogue import services
from outreach.leads.receiving import LeadForm, receive
from outreach.models import Channel, Service
from outreach.web import door
from outreach.web.door import Opened, Submitted, page
from outreach.web.pages import show

router = APIRouter()

# Name of the field → how long it may be, whether it is required, what is asked.
FIELDS: Mapping[str, tuple[int, bool, str]] = {
    "company_name": (200, True, "Vul de naam van uw bedrijf in."),
    "enterprise_number": (40, False, ""),
    "person": (120, True, "Vul uw naam in, zodat het maatwerkbedrijf weet wie het terugbelt."),
    "email": (254, True, "Vul uw e-mailadres in, zodat u antwoord kunt krijgen."),
    "phone": (40, False, ""),
    "message": (3000, True, "Schrijf in een of twee zinnen wat u zoekt."),
    "wanted_when": (60, False, ""),
}
WHEN = ("Zo snel mogelijk", "Binnen een maand", "Binnen drie maanden", "Later, of ik weet het nog niet")
HONEYPOT = "website"
QUICK = timedelta(seconds=2)
STALE = timedelta(days=2)
_PHONE = re.compile(r"[+(]?\d[\d\s().+/-]{6,28}(\s*(x|ext\.?|toestel)\s*\d{1,6})?", re.IGNORECASE)


@dataclass
class ContactForm:
    """What was typed, what is wrong with each field, and the hidden ones."""

    code: str
    stamp: str
    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    errors: dict[str, str] = field(default_factory=dict)


def blank_form(app: App, code: str) -> ContactForm:
    """Return an empty form that carries the code of the link that led here."""
    return ContactForm(code, _stamp(app))


@router.post("/diensten/{slug}", include_in_schema=False)
def send(request: Request, slug: str, app: Opened, submitted: Submitted) -> Response:
    now = app.now()
    form = read_form(app, submitted)
    with app.database.reading() as session:
        service = offered(session, slug)
        simulated = door.is_simulated(request) and _is_simulated(session, form.code)
        if not service.taking_customers:
            form.errors["form"] = "Deze dienst neemt op dit ogenblik geen nieuwe klanten aan."
        if not simulated:
            _look_for_robots(app, form, submitted, now)
        if form.errors:
            return _again(request, service, form)
    place = attempts.key_of(bytes.fromhex(app.keys.sessions), "form", door.client(request), now)
    with app.database.writing() as session:
        if not simulated:
            if attempts.count(session, place, window=timedelta(hours=1), now=now) >= app.settings.leads.forms_per_hour:
                form.errors["form"] = "Vanop uw plaats kwamen al veel berichten. Probeer het over een uur opnieuw."
                return _again(request, service, form, status=429)
            attempts.record(session, place, now=now)
        receive(
            session,
            _lead(form, service),
            code=form.code or None,
            channel=Channel.FORM,
            links=app.links,
            settings=app.settings,
            now=now,
            simulated=simulated,
            suppression_key=app.suppression_key,
        )
    return RedirectResponse(f"/diensten/{slug}/bedankt", status_code=303)


@page(router, "/diensten/{slug}/bedankt")
def thanks(request: Request, slug: str, app: Opened) -> Response:
    with app.database.reading() as session:
        return show(request, "public/thanks.html", service=offered(session, slug))


def offered(session: Session, slug: str) -> Service:
    """Return a service on offer; anything else is answered with 404."""
    service = services.find_service(session, slug) if door.is_slug(slug) else None
    if service is None or service.withdrawn_at or service.enterprise.withdrawn_at:
        raise HTTPException(404)
    return service


def read_form(app: App, submitted: FormData) -> ContactForm:
    """Return the fields as typed, with an error beside each that can't be used."""
    code = door.field(submitted, "c", 20)
    form = ContactForm(code if hits.is_code(code) else "", _stamp(app))
    for name, (limit, required, question) in FIELDS.items():
        # One more than the limit, so that a text too long is told so and not cut.
        value = door.field(submitted, name, limit + 1, lines=name == "message")
        form.values[name] = value
        if required and not value:
            form.errors[name] = question
        elif len(value) > limit:
            form.errors[name] = f"Hou het bij {limit} tekens."
    _check_number(form)
    _check_email(form)
    if form.values["phone"] and not _PHONE.fullmatch(form.values["phone"]):
        form.errors.setdefault(
            "phone", "Dit lijkt geen telefoonnummer. Schrijf het als 09 123 45 67 of +32 9 123 45 67."
        )
    return form


def _check_number(form: ContactForm) -> None:
    if not form.values["enterprise_number"]:
        return
    try:
        parse_enterprise_number(form.values["enterprise_number"])
    except NumberError:
        form.errors.setdefault(
            "enterprise_number",
            "Dit is geen geldig ondernemingsnummer. Het heeft tien cijfers, zoals 1999.000.150; laat het anders leeg.",
        )


def _check_email(form: ContactForm) -> None:
    if not form.values["email"]:
        return
    try:
        validate_email(form.values["email"], check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        form.errors.setdefault("email", "Dit e-mailadres klopt niet. Schrijf het als naam@bedrijf.be.")


def _look_for_robots(app: App, form: ContactForm, submitted: FormData, now: datetime) -> None:
    if door.field(submitted, HONEYPOT, 200):
        form.errors.setdefault("form", "Laat het veld 'Website' leeg en verstuur opnieuw: het houdt robots tegen.")
        return
    stamped = door.signed(app, "form", door.field(submitted, "stamp", 200))
    age = now - datetime.fromtimestamp(int(stamped), tz=now.tzinfo) if stamped else STALE
    if age >= STALE:
        form.errors.setdefault("form", "Dit formulier was verlopen. Alles staat er nog: verstuur het opnieuw.")
    elif age < QUICK and "://" in form.values["message"]:
        form.errors.setdefault("form", "Dat ging sneller dan iemand kan typen. Verstuur het nog eens.")


def _stamp(app: App) -> str:
    return door.sign(app, "form", str(int(app.now().timestamp())))


def _is_simulated(session: Session, code: str) -> bool:
    target = hits.target(session, code)
    return target is not None and target.campaign_simulated


def _lead(form: ContactForm, service: Service) -> LeadForm:
    values = form.values
    number = values["enterprise_number"]
    return LeadForm(
        service_id=service.id,
        enterprise_id=service.enterprise_id,
        company_name=values["company_name"],
        enterprise_number=parse_enterprise_number(number) if number else None,
        person=values["person"],
        email=values["email"],
        phone=values["phone"] or None,
        message=values["message"],
        wanted_when=values["wanted_when"] or None,
    )


def _again(request: Request, service: Service, form: ContactForm, status: int = 422) -> Response:
    return show(request, "public/service.html", status=status, service=service, form=form, code=form.code, moments=WHEN)
