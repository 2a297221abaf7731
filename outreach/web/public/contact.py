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

from outreach.app import App
from outreach.belgium.numbers import NumberError, parse_enterprise_number, parse_establishment_number
from outreach.belgium.places import place_of
from outreach.campaigns import hits
from outreach.catalogue import services
from outreach.catalogue.renditions import look
from outreach.leads import copies
from outreach.leads.files import company_name
from outreach.leads.receiving import LeadForm, receive
from outreach.models import Channel, Service
from outreach.web import door
from outreach.web.door import Explained, Opened, Submitted, page
from outreach.web.pages import show
from outreach.web.public import structured

router = APIRouter()

# Name of the field → how long it may be, and what is asked of who leaves it empty; no question = it may be empty.
FIELDS: Mapping[str, tuple[int, str]] = {
    "message": (3000, "Schrijf in een of twee zinnen wat u zoekt."),
    "wanted_when": (60, ""),
    "enterprise_number": (40, ""),
    "company_name": (200, ""),
    "postcode": (12, ""),
    "person": (120, "Vul uw naam in, zodat het maatwerkbedrijf weet wie het terugbelt."),
    "email": (254, "Vul uw e-mailadres in, zodat u antwoord kunt krijgen."),
    "phone": (40, ""),
}
WHEN = ("Zo snel mogelijk", "Binnen een maand", "Binnen drie maanden", "Later, of ik weet het nog niet")
# A name that robots fill in, and that no browser fills in by itself.
HONEYPOT = "onderwerp"
QUICK = timedelta(seconds=2)
STALE = timedelta(days=2)
HOUR = timedelta(hours=1)
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


def show_service(request: Request, app: App, service: Service, form: ContactForm, status: int = 200) -> Response:
    """Answer with the page of a service and its form."""
    picture = look(app.project, service.picture)
    drawn = f"{app.links.base}/beeld/{service.slug}" if picture else None
    return show(
        request,
        "public/service.html",
        status=status,
        canonical=f"/diensten/{service.slug}" if status == 200 else None,
        structured=structured.service(service, app.links, drawn) if status == 200 else None,
        service=service,
        form=form,
        code=form.code,
        moments=WHEN,
    )


@router.post("/diensten/{slug}", include_in_schema=False)
def send(request: Request, slug: str, app: Opened, submitted: Submitted) -> Response:
    now = app.now()
    with app.database.reading() as session:
        service = offered(session, slug)
        form = read_form(app, session, submitted)
        simulated = door.is_simulated(request) and _is_simulated(session, form.code)
        if not service.taking_customers:
            form.errors["form"] = "Deze dienst neemt op dit ogenblik geen nieuwe klanten aan."
        if not simulated:
            _look_for_robots(app, form, submitted, now)
        if form.errors:
            return show_service(request, app, service, form, 422)
        if not simulated and not _may_send(request, app, now):
            form.errors["form"] = "Vanop uw plaats kwamen al veel berichten. Probeer het over een uur opnieuw."
            return show_service(request, app, service, form, 429)
    with app.database.writing() as session:
        lead = receive(
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
        # What repeats an earlier form word for word told the enterprise nothing, and tells the company nothing either.
        if lead.notified_at is not None:
            copies.confirm(session, lead, settings=app.settings, links=app.links, now=now)
    return RedirectResponse(f"/diensten/{slug}/bedankt", status_code=303)


def _may_send(request: Request, app: App, now: datetime) -> bool:
    most = app.settings.leads.forms_per_hour
    return door.limits(request).allows("form", door.client(request), most=most, window=HOUR, now=now)


@page(router, "/diensten/{slug}/bedankt")
def thanks(request: Request, slug: str, app: Opened) -> Response:
    with app.database.reading() as session:
        return show(request, "public/thanks.html", service=offered(session, slug))


def offered(session: Session, slug: str) -> Service:
    """Return a service on offer; one that was withdrawn is gone (410), any other is unknown (404)."""
    service = services.find_service(session, slug) if door.is_slug(slug) else None
    if service is None:
        raise HTTPException(404)
    if service.withdrawn_at or service.enterprise.withdrawn_at:
        raise Explained(
            410,
            "Deze dienst is er niet meer",
            f"“{service.name}” van {service.enterprise.name} staat niet meer in de catalogus. Misschien helpt een "
            "ander maatwerkbedrijf u met hetzelfde soort werk.",
            (("Bekijk vergelijkbare diensten", f"/diensten?categorie={service.category}"),),
        )
    return service


def read_form(app: App, session: Session, submitted: FormData) -> ContactForm:
    """Return the fields as typed, with an error beside each that can't be used."""
    code = door.field(submitted, "c", 20)
    form = ContactForm(code if hits.is_code(code) else "", _stamp(app))
    for name, (limit, question) in FIELDS.items():
        # One more than the limit, so that a text too long is told so and not cut.
        value = door.field(submitted, name, limit + 1, lines=name == "message")
        form.values[name] = value
        if question and not value:
            form.errors[name] = question
        elif len(value) > limit:
            form.errors[name] = f"Hou het bij {limit} tekens."
    _check_company(form, session)
    _check_email(form)
    if form.values["phone"] and not _PHONE.fullmatch(form.values["phone"]):
        form.errors.setdefault(
            "phone", "Dit lijkt geen telefoonnummer. Schrijf het als 09 123 45 67 of +32 9 123 45 67."
        )
    if form.values["wanted_when"] not in ("", *WHEN):
        form.errors.setdefault("wanted_when", "Kies een van de antwoorden.")
    return form


def _check_company(form: ContactForm, session: Session) -> None:
    """Ask for the number, or for name and postcode; the name of a company that we know needn't be typed."""
    values, errors = form.values, form.errors
    if values["postcode"] and place_of(values["postcode"]) is None:
        errors.setdefault("postcode", "Dit is geen Belgische postcode. Ze heeft vier cijfers, zoals 9000.")
    if not values["enterprise_number"]:
        if not values["company_name"]:
            errors.setdefault("company_name", "Vul de naam van uw bedrijf in.")
        if not values["postcode"]:
            errors.setdefault("postcode", "Vul de postcode van uw bedrijf in, of hierboven het ondernemingsnummer.")
        return
    try:
        number = parse_enterprise_number(values["enterprise_number"])
    except NumberError:
        errors.setdefault("enterprise_number", _wrong_number(values["enterprise_number"]))
        return
    if not values["company_name"]:
        values["company_name"] = company_name(session, number)
    if not values["company_name"]:
        errors.setdefault("company_name", "We kennen dit nummer nog niet. Vul ook de naam van uw bedrijf in.")


def _wrong_number(text: str) -> str:
    """Say what is wrong with an enterprise number: most often two digits have changed places."""
    way_out = "Weet u het niet? Laat het leeg en vul naam en postcode in."
    digits = sum(mark.isdigit() for mark in text)
    try:
        parse_establishment_number(text)
    except NumberError:
        if digits not in (9, 10):
            return f"Een ondernemingsnummer heeft tien cijfers, zoals 1999.000.150; hier staan er {digits}. {way_out}"
        return f"Dit nummer bestaat niet: de laatste twee cijfers passen niet bij de rest. Kijk het na. {way_out}"
    return f"Dit is het nummer van een vestiging. Het ondernemingsnummer begint met 0 of 1. {way_out}"


def _check_email(form: ContactForm) -> None:
    if not form.values["email"]:
        return
    try:
        validate_email(form.values["email"], check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        form.errors.setdefault("email", "Dit e-mailadres klopt niet. Schrijf het als naam@bedrijf.be.")


def _look_for_robots(app: App, form: ContactForm, submitted: FormData, now: datetime) -> None:
    if door.field(submitted, HONEYPOT, 200):
        form.errors.setdefault("form", "Een verborgen veld dat robots tegenhoudt, was ingevuld. Verstuur nog eens.")
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
    number, place = values["enterprise_number"], place_of(values["postcode"]) if values["postcode"] else None
    return LeadForm(
        service_id=service.id,
        enterprise_id=service.enterprise_id,
        company_name=values["company_name"],
        enterprise_number=parse_enterprise_number(number) if number else None,
        postcode=place.postcode if place else None,
        person=values["person"],
        email=values["email"],
        phone=values["phone"] or None,
        message=values["message"],
        wanted_when=values["wanted_when"] or None,
    )
