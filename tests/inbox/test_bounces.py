"""Bounces, complaints and delivery notices of many mail systems: who, how bad, and why."""

from __future__ import annotations

import mailbag
import pytest

from outreach.inbox.classifying import classify
from outreach.inbox.kinds import Kind

KINDS = {"complaint": Kind.COMPLAINT, "delivered": Kind.DELIVERY_NOTICE}


@pytest.mark.parametrize("sample", mailbag.bounces(), ids=lambda sample: sample.name)
def test_each_mail_system_is_understood(sample: mailbag.Sample) -> None:
    report = classify(sample.raw)
    found = {(one.address, one.klass.value, one.reason.value) for one in report.recipients}
    for wanted in sample.expected:
        reasons = {reason for address, klass, reason in found if (address, klass) == (wanted.address, wanted.klass)}
        assert reasons, f"{wanted} not in {found}"
        assert wanted.reason in {"*", *reasons}
    assert len(found) == len(sample.expected)
    assert report.kind is KINDS.get(sample.expected[0].klass, Kind.BOUNCE)


@pytest.fixture(scope="module")
def real() -> list[mailbag.Sample]:
    folder = mailbag.corpus_folder()
    if folder is None:
        pytest.skip("the shared corpus of real messages isn't here")
    return list(mailbag.corpus(folder))


def test_of_the_real_messages_nearly_all_recipients_are_found_and_judged_right(real: list[mailbag.Sample]) -> None:
    wanted = found = right = 0
    for sample in real:
        classes = {one.address.lower(): one.klass.value for one in classify(sample.raw).recipients}
        wanted += len(sample.expected)
        found += sum(one.address in classes for one in sample.expected)
        right += sum(classes.get(one.address) == one.klass for one in sample.expected)
    assert found / wanted >= 0.97
    assert right / wanted >= 0.93


def test_no_real_complaint_or_delivery_notice_is_taken_for_a_bounce(real: list[mailbag.Sample]) -> None:
    others = [sample for sample in real if sample.expected[0].klass in KINDS]
    assert len(others) >= 7
    for sample in others:
        assert classify(sample.raw).kind is KINDS[sample.expected[0].klass], sample.name


def test_no_real_bounce_is_taken_for_anything_else(real: list[mailbag.Sample]) -> None:
    others = [sample for sample in real if sample.expected[0].klass in ("hard", "soft")]
    missed = [sample.name for sample in others if classify(sample.raw).kind is not Kind.BOUNCE]
    assert missed == []
