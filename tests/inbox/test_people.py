"""What people write back, and the machines that answer for them: measured on invented texts in four languages."""

from __future__ import annotations

import mailbag

from outreach.inbox.classifying import classify
from outreach.inbox.kinds import Class, Kind
from outreach.inbox.quoting import without_quotes

KINDS = ("autoreply", "opt_out", "address_change", "challenge", "answer")


def test_texts_like_those_that_the_words_were_chosen_by_are_understood() -> None:
    score = mailbag.score(mailbag.people("people.txt"))
    assert score.all.total() >= 150
    for kind in KINDS:
        assert score.recall(kind) >= 0.95, kind
        assert score.precision(kind) >= 0.95, kind


def test_of_texts_never_looked_at_most_are_understood_and_the_others_go_to_a_person() -> None:
    score = mailbag.score(mailbag.people("people_kept_apart.txt"))
    assert score.right.total() / score.all.total() >= 0.85
    assert score.recall("answer") == 1.0
    for kind in ("autoreply", "opt_out", "address_change", "challenge"):
        assert score.precision(kind) >= 0.95, kind


def test_vacation_replies_never_count_as_bounces() -> None:
    for text in [*mailbag.people("people.txt"), *mailbag.people("people_kept_apart.txt")]:
        report = classify(text.raw)
        assert report.kind is not Kind.BOUNCE, text.raw.decode()
        assert {one.klass for one in report.recipients} <= {Class.AUTOREPLY}, text.raw.decode()


def test_nobody_who_is_interested_is_taken_for_one_who_wants_to_leave() -> None:
    answers = [one for name in ("people.txt", "people_kept_apart.txt") for one in mailbag.people(name)]
    for answer in answers:
        if answer.kind == "answer":
            assert classify(answer.raw).kind is not Kind.OPT_OUT, answer.raw.decode()


def test_our_own_words_on_leaving_are_not_his_when_he_quotes_them() -> None:
    quoted = (
        "Graag een offerte.\n\nOp di 24 nov. 2026 om 09:12 schreef Federatie\n<nieuws@federatie.example>:\n\n"
        "> Schrijf u uit voor al onze mails\n"
    )
    assert without_quotes(quoted) == "Graag een offerte."
    head = b"From: ann@firma.example\nTo: nieuws@federatie.example\nSubject: Re: Nieuwsbrief\n\n"
    assert classify(head + quoted.encode()).kind is Kind.ANSWER


def test_an_answer_keeps_only_what_its_writer_wrote() -> None:
    outlook = "Ja, graag.\n\nVan: Federatie\nVerzonden: dinsdag\nAan: Ann\nOnderwerp: Nieuws\n\nDag Ann"
    assert without_quotes(outlook) == "Ja, graag."
    between = "> Hoeveel stuks?\n300 per week\n> Vanaf wanneer?\nMaart\n-- \nAnn"
    assert without_quotes(between) == "300 per week\nMaart"


def test_who_changed_address_says_where_to() -> None:
    for text in mailbag.people("people.txt"):
        if text.kind == "address_change" and text.new_address:
            assert classify(text.raw).new_address == text.new_address


def test_a_person_who_writes_of_deliveries_is_no_mail_system() -> None:
    raw = (
        b"From: Dan <dan@zaak.example>\nTo: nieuws@federatie.example\nSubject: Re: delivery problem\n"
        b"In-Reply-To: <een@x.example>\n\n"
        b"Your pallets could not be delivered last week: 400 boxes, 550 kg. Ask bob@zaak.example for the address.\n"
    )
    assert classify(raw).kind is Kind.ANSWER


def test_an_absence_that_speaks_of_refusals_is_no_bounce() -> None:
    raw = (
        b"Return-Path: <>\nFrom: Ann <ann@firma.example>\nTo: nieuws@federatie.example\nAuto-Submitted: auto-replied\n"
        b"Subject: Automatic reply: delivery status\n\nI am away. Mail to this address is rejected until Monday.\n"
    )
    report = classify(raw)
    assert report.kind is Kind.AUTOREPLY
    assert [(one.address, one.klass) for one in report.recipients] == [("ann@firma.example", Class.AUTOREPLY)]
