"""Several relays: what one can't carry another does, and what one has decided no other is asked again."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from delivery.conftest import Authority, make_campaign
from delivery.test_pace import slowed, to_domains, with_providers
from delivery.test_sending import state, statuses
from relays import Drop, Relay, Talk, aiosmtpd_relay, free_port
from sqlalchemy import select

from outreach import jobs
from outreach.app import App
from outreach.delivery import sending
from outreach.delivery.sending import Summary
from outreach.errors import FileRefused, Refusal
from outreach.models import Campaign, CampaignStatus, RelayRest
from outreach.settings import RelaySettings, load_settings


def with_relays(app: App, **relays: dict[str, Any]) -> App:
    made = {
        name: RelaySettings.model_validate({"timeout": 20, "connections": 2, **one}) for name, one in relays.items()
    }
    return replace(app, settings=app.settings.model_copy(update={"relays": made}))


def send(app: App, stop: threading.Event | None = None) -> Summary:
    return sending.send_due(
        app.database, app.settings, app.links, clock=app.clock, stop=stop or threading.Event(), until_idle=True
    )


def rests(app: App) -> dict[str, RelayRest]:
    with app.database.reading() as session:
        return {rest.relay: rest for rest in session.scalars(select(RelayRest))}


def assert_all_went_once(*relays: Relay, mails: int) -> None:
    got = [recipient for relay in relays for recipient in relay.recipients]
    assert len(got) == len(set(got)) == mails


def test_two_relays_share_the_work(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=60)
    with Relay(delay=0.005) as first, Relay(delay=0.005) as second:
        assert send(with_relays(both, first={"port": first.port}, second={"port": second.port})).sent == 61
    assert_all_went_once(first, second, mails=61)
    assert min(len(first.received), len(second.received)) >= 10


def test_a_backup_is_used_only_while_the_others_cannot(both: App, clock: Any) -> None:
    campaign, port = make_campaign(both, clock, crowd=20), free_port()
    with Relay() as backup:
        app = with_relays(both, first={"port": port}, second={"port": backup.port, "backup": True})
        assert send(app).trouble is None
        assert len(backup.received) == 21
        assert "can't be reached" in rests(app)["first"].reply
        assert state(both, campaign).status is CampaignStatus.SENT
        # It is back: after its rest mail goes over it again, and the rest is forgotten.
        make_second(both, clock)
        with Relay(port=port) as first:
            assert send(app).sent == 21
            assert_all_went_once(first, mails=21)
    assert len(backup.received) == 21
    assert not rests(app)


def make_second(app: App, clock: Any) -> None:
    import world

    with app.database.writing() as session:
        world.sending(app, session, name="tweede", send_at="2026-12-03 10:00")
    with app.database.reading() as session:
        at = session.scalars(select(Campaign.send_at).where(Campaign.name == "tweede")).one()
    assert at is not None
    clock.at = at


def test_a_relay_that_refuses_our_login_is_left_alone_and_the_next_carries_on(
    app: App, clock: Any, authority: Authority
) -> None:
    make_campaign(app, clock, crowd=5)
    tls = {"security": "starttls", "ca_file": str(authority.ca_file), "username": "team"}
    with (
        aiosmtpd_relay(starttls=authority.server(), login=("team", "right")) as (port, inbox),
        Relay() as second,
    ):
        app = with_relays(
            app, first={"port": port, "password": "wrong", **tls}, second={"port": second.port, "backup": True}
        )
        assert send(app).trouble is None
        assert len(second.received) == 6
        assert not inbox.received
        assert rests(app)["first"].configuration
        # Mended, and started anew: it is used at once.
        jobs.wake_relays(app)
        assert not rests(app)


def test_tls_that_was_stripped_is_no_way_out(app: App, clock: Any, authority: Authority) -> None:
    make_campaign(app, clock, crowd=2)
    stripped = {"security": "starttls", "ca_file": str(authority.ca_file)}
    with Relay() as first, Relay() as second:
        app = with_relays(app, first={"port": first.port, **stripped}, second={"port": second.port, "backup": True})
        assert send(app).sent == 3
        assert not first.received
        assert not [line for line in first.log if line.startswith("MAIL")]
    assert "offers no STARTTLS" in rests(app)["first"].reply
    assert len(second.received) == 3


def test_what_one_relay_refuses_for_good_is_asked_of_no_other(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=6)

    def refusing(stage: str, talk: Talk) -> str | None:
        return "550 5.1.1 no such user" if stage == "rcpt" and talk.recipient == "ann@ann.example" else None

    with Relay(answer=refusing) as first, Relay(answer=refusing) as second:
        app = with_relays(both, first={"port": first.port}, second={"port": second.port})
        send(app)
        send(app)
    asked = [line for relay in (first, second) for line in relay.log if line.startswith("RCPT TO:<ann@")]
    assert len(asked) == 1
    assert statuses(both) == {"sent": 6, "rejected": 1, "skipped": 3}


def test_what_may_have_gone_over_one_relay_never_goes_over_another(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=12)

    def dropping(stage: str, talk: Talk) -> str | None:
        if stage == "dot":
            raise Drop
        return None

    with Relay(answer=dropping) as first, Relay() as second:
        app = with_relays(both, first={"port": first.port}, second={"port": second.port, "backup": True})
        for _ in range(4):
            send(app)
    found = statuses(both)
    assert found["uncertain"] == len(first.received)
    assert not set(first.recipients) & set(second.recipients)
    assert found["uncertain"] + found.get("sent", 0) + found.get("pending", 0) == 13


def test_what_one_relay_may_not_carry_today_another_does(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=30)
    with Relay() as first, Relay() as second:
        app = with_relays(
            both, first={"port": first.port, "warmup_start": 7}, second={"port": second.port, "backup": True}
        )
        assert send(app).sent == 31
    assert len(first.received) == 7
    assert_all_went_once(first, second, mails=31)


def test_mail_on_a_connection_that_dies_goes_over_the_other_relay_when_its_own_rests(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=40)
    closed = threading.Event()

    def closing(stage: str, talk: Talk) -> str | None:
        if stage == "mail" and (closed.is_set() or len(first.received) >= 8):
            closed.set()
            return "421 4.3.2 shutting down"
        return "421 4.3.2 shutting down" if stage == "connect" and closed.is_set() else None

    with Relay(answer=closing) as first, Relay() as second:
        app = with_relays(both, first={"port": first.port}, second={"port": second.port, "backup": True})
        assert send(app).trouble is None
        clock.move(minutes=4)
        send(app)
    assert_all_went_once(first, second, mails=41)
    assert statuses(both) == {"sent": 41, "skipped": 3}


def test_a_provider_that_is_overrun_gets_half_and_the_relay_no_rest(both: App, clock: Any) -> None:
    make_campaign(both, clock, crowd=30)
    to_domains(both, "gmail.com", "bedrijf.example")
    app, stop, refused = with_providers(both, google=60_000), threading.Event(), list[int]()

    def answer(stage: str, talk: Talk) -> str | None:
        if stage != "dot" or not talk.recipient.endswith("gmail.com"):
            return None
        if not refused:
            threading.Timer(2.0, stop.set).start()
        refused.append(1)
        return "450 4.7.28 Gmail has detected an unusual rate of mail - gsmtp"

    with Relay(answer=answer) as relay:
        app = with_relays(app, first={"port": relay.port})
        summary = send(app, stop)
    google = slowed(app, "google")
    assert google is not None
    assert google.share == 0.5
    assert "gsmtp" in (google.reply or "")
    assert not rests(app)
    assert summary.sent == 15
    # What was under way is put off; the others wait for the pace, and nobody's hold is on them.
    assert summary.deferred == len(refused) <= 4
    assert statuses(both)["pending"] == 16 - len(refused)


def test_a_deferral_of_one_mailbox_slows_nobody(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=6)
    to_domains(app, "gmail.com")
    said = {"rcpt": "450 4.2.1 this user receives mail too quickly - gsmtp"}
    with Relay(answer=lambda stage, talk: said.get(stage)) as relay:
        app = with_relays(app, first={"port": relay.port})
        assert send(app).deferred == 7
    assert slowed(app, "google") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[relay]\nport = 25\n[relays.first]\nport = 26\n", "write one or the other"),
        ("[relays.first]\nbackup = true\n", "every relay has backup"),
        ("[relays.First]\nport = 26\n", "is no name"),
        ("[relays.first]\nprot = 26\n", "did you mean 'port'"),
        ('[providers.google]\ndomains = ["hotmail.com"]\n', "keep one"),
        ('[providers.google]\ndomains = ["Gmail.com"]\n', "is no domain"),
    ],
)
def test_relays_and_providers_that_make_no_sense_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "outreach.toml").write_text(text)
    with pytest.raises(FileRefused, match=complaint):
        load_settings(tmp_path, {})


def test_each_relay_has_its_password_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "outreach.toml").write_text(
        '[relays.first]\nhost = "a.example"\nsecurity = "tls"\nusername = "x"\n'
        '[relays.second]\nhost = "b.example"\nsecurity = "starttls"\nusername = "y"\nbackup = true\n'
    )
    variables = {
        "OUTREACH_RELAYS__FIRST__PASSWORD": "one",
        "OUTREACH_RELAYS__SECOND__PASSWORD": "two",
        "OUTREACH_PROVIDERS__GOOGLE__PER_MINUTE": "30",
    }
    settings = load_settings(tmp_path, variables)
    found = [(one.name, one.settings.password.get_secret_value()) for one in settings.all_relays]
    assert found == [("first", "one"), ("second", "two")]
    assert settings.providers["google"].per_minute == 30
    assert "gmail.com" in settings.providers["google"].domains
    with pytest.raises(Refusal, match="is no setting"):
        load_settings(tmp_path, {"OUTREACH_RELAYS__FIRST": "x"})
    with pytest.raises(Refusal, match="environment, OUTREACH_RELAYS__FIRST__port"):
        load_settings(tmp_path, {"OUTREACH_RELAYS__FIRST__PORT": "many"})


def test_without_several_relays_the_one_is_called_after_its_place(tmp_path: Path) -> None:
    (tmp_path / "outreach.toml").write_text("[relay]\nport = 2525\n")
    assert [relay.name for relay in load_settings(tmp_path, {}).all_relays] == ["127.0.0.1:2525"]
