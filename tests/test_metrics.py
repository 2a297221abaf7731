"""Figures for Prometheus: right, read by its own parser, naming nobody, and never open to the world."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace

import pytest
from conftest import Clock, Ran
from delivery.conftest import make_campaign, with_relay
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from relays import Relay, Talk, free_port
from sqlalchemy import select

from outreach import jobs, scheduler, serving_metrics
from outreach.app import App
from outreach.delivery import outbox
from outreach.delivery.outcomes import kind_of
from outreach.metrics import Metrics
from outreach.models import Company, Contact
from outreach.settings import MetricsSettings
from outreach.web.site import create_site


def figures(app: App) -> dict[tuple[str, ...], float]:
    """Return every figure as (name, label values …): value."""
    found = {}
    for family in text_string_to_metric_families(Metrics(app).text().decode()):
        for sample in family.samples:
            if sample.name != "outreach_mails_total":
                found[sample.name, *sample.labels.values()] = sample.value
    return found


def ended(app: App) -> dict[tuple[str, ...], float]:
    """Return how often a try ended, by kind of mail, outcome and class."""
    families = text_string_to_metric_families(Metrics(app).text().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "outreach_mails_total"]
    return {tuple(sample.labels[name] for name in ("mail", "outcome", "class")): sample.value for sample in samples}


def some_refused(stage: str, talk: Talk) -> str | None:
    if stage == "rcpt" and talk.recipient.startswith("ann"):
        return "550 5.1.1 unknown"
    return "450 4.2.0 later" if stage == "rcpt" and talk.recipient.endswith(("1.example", "2.example")) else None


def test_the_figures_are_those_of_the_tables_and_of_this_process(both: App, clock: Clock) -> None:
    make_campaign(both, clock, crowd=9)
    with both.database.writing() as session:
        outbox.put(session, key="a", kind="test", recipient="ann@ann.example", message=b"x", now=both.now())
    clock.move(minutes=2)
    before = figures(both)
    assert before["outreach_deliveries", "pending"] == 10
    assert before["outreach_deliveries", "sent"] == 0
    assert before["outreach_campaigns", "sending"] == 1
    assert before["outreach_outbox", "pending"] == 1
    assert before["outreach_oldest_due_seconds", "outbox"] == 120
    assert before["outreach_oldest_due_seconds", "campaign"] >= 120
    with Relay(answer=some_refused) as relay:
        sending = with_relay(both, port=relay.port)
        done = jobs.send(sending, threading.Event())
        after = figures(sending)
    assert after["outreach_deliveries", "sent"] == done.sent
    assert after["outreach_deliveries", "rejected"] == 1
    assert after["outreach_oldest_due_seconds", "campaign"] == 0
    assert after["outreach_sent_last_minute",] == done.sent
    counted = ended(sending)
    assert counted["campaign", "sent", "dot 2xx"] == done.sent
    assert counted["campaign", "rejected", "rcpt 5xx"] == 1
    assert counted["campaign", "deferred", "rcpt 4xx"] == done.deferred > 0
    assert any(key[0] == "process_resident_memory_bytes" for key in after)
    clock.move(hours=1)
    assert figures(both)["outreach_oldest_due_seconds", "campaign"] > 3000  # what was put off is due


def test_a_relay_that_rests_shows(app: App, clock: Clock) -> None:
    make_campaign(app, clock, crowd=1)
    app = with_relay(app, port=free_port())
    jobs.send(app, threading.Event())
    found = figures(app)
    name = f"127.0.0.1:{app.settings.relay.port}"
    assert found["outreach_relay_rest_seconds", name] > 0
    assert found["outreach_relay_failures", name] >= 1
    assert found["outreach_relay_misconfigured", name] == 0


def test_the_clock_tells_when_each_of_its_jobs_last_ended_well(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = threading.Event()

    def fail(app: App) -> None:
        broken.set()
        raise RuntimeError("no")

    monkeypatch.setitem(scheduler.CHORES, "remind", (300, fail))
    stop = threading.Event()
    with scheduler.running(app, stop):
        assert broken.wait(20)
        for _ in range(200):
            if "send" in app.vitals.ticks:
                break
            threading.Event().wait(0.05)
    found = figures(app)
    assert 0 <= found["outreach_tick_age_seconds", "send"] < 60
    assert ("outreach_tick_age_seconds", "remind") not in found


def test_no_figure_names_a_person_a_company_or_a_campaign(app: App, clock: Clock) -> None:
    make_campaign(app, clock, crowd=5)
    with Relay(answer=some_refused) as relay:
        sending = with_relay(app, port=relay.port)
        jobs.send(sending, threading.Event())
    text = Metrics(sending).text().decode()
    with app.database.reading() as session:
        words = [*session.scalars(select(Contact.address)), *session.scalars(select(Company.name))]
    assert words
    for word in (*words, "december-2026", "@"):
        assert str(word) not in text


@pytest.mark.parametrize(
    ("reason", "reply", "kind"),
    [
        (None, "dot: 250 2.0.0 ok", "dot 2xx"),
        ("5.1.1", "rcpt: 550 5.1.1 unknown", "rcpt 5xx"),
        (None, "rcpt: 450 4.2.0 later", "rcpt 4xx"),
        ("no_answer", "dot: no answer in time", "dot no answer"),
        ("suppressed", None, "suppressed"),
        ("render_error", "KeyError: 'x'", "render_error"),
        (None, None, "none"),
        ("5.1.1", "rcpt: 999 what", "rcpt no answer"),
    ],
)
def test_classes_of_replies_are_few(reason: str | None, reply: str | None, kind: str) -> None:
    assert kind_of(reason, reply) == kind


def with_token(app: App, token: str) -> App:
    metrics = MetricsSettings(token=SecretStr(token))
    return replace(app, settings=app.settings.model_copy(update={"metrics": metrics}))


def asked(app: App, client: str = "127.0.0.1", host: str = "127.0.0.1:8000", **headers: str) -> int:
    with TestClient(create_site(app), base_url="http://127.0.0.1:8000", client=(client, 5000)) as site:
        answer = site.get("/metrics", headers={"host": host, **headers})
        if answer.status_code == 200:
            assert "outreach_deliveries" in answer.text
            assert answer.headers["cache-control"] == "no-store"
        else:
            assert "outreach_" not in answer.text
        return answer.status_code


def test_metrics_are_never_public(app: App) -> None:
    assert asked(app) == 200
    assert asked(app, host="localhost:8000") == 200
    assert asked(app, client="192.0.2.7") == 404
    # A proxy on this machine: the visitor looks like this machine, and these say that he isn't.
    assert asked(app, host="news.example") == 404
    assert asked(app, **{"X-Forwarded-For": "192.0.2.7"}) == 404
    assert asked(app, Forwarded="for=192.0.2.7") == 404
    secret = with_token(app, "long-and-secret")
    assert asked(secret) == 404
    assert asked(secret, Authorization="Bearer wrong") == 404
    assert asked(secret, client="192.0.2.7", host="news.example", Authorization="Bearer long-and-secret") == 200


def test_a_worker_serves_its_figures(app: App) -> None:
    port = free_port()
    with serving_metrics.serving(app, f"127.0.0.1:{port}"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert b"outreach_info" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        token = with_token(app, "secret")
        other = free_port()
        with serving_metrics.serving(token, f"127.0.0.1:{other}"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://127.0.0.1:{other}/metrics", timeout=5)
            request = urllib.request.Request(
                f"http://127.0.0.1:{other}/metrics", headers={"Authorization": "Bearer secret"}
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert answer.status == 200


@pytest.mark.parametrize(
    ("place", "words"),
    [("0.0.0.0:9100", "metrics.token"), ("127.0.0.1", "HOST:PORT"), ("127.0.0.1:0", "HOST:PORT"), ("x:y", "HOST:PORT")],
)
def test_a_place_for_figures_that_will_not_do_is_refused(
    app: App, cli: Callable[..., Ran], place: str, words: str
) -> None:
    ran = cli("worker", "--once", "--metrics", place)
    assert (ran.code, words in ran.err) == (1, True), ran.err
