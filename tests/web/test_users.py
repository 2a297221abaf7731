"""`outreach user`: who may log in, and how a password is given and kept."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from outreach import attempts, users
from outreach.app import App
from outreach.errors import Refusal
from outreach.models import Role
from tests.conftest import NOW, Ran

PASSWORD = "een heel lang wachtwoord"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_user_is_added_listed_disabled_and_let_in_again(
    cli: Callable[..., Ran], typed: Callable[[str], None], app: App
) -> None:
    typed(PASSWORD + "\n")
    ran = cli("user", "add", "Ann@Federatie.example", "--name", "Ann", "--role", "analyst", "--password-stdin")
    assert ran.code == 0, ran.err
    (listed,) = json.loads(cli("user", "list", "--json").out)
    assert (listed["email"], listed["role"], listed["disabled_at"]) == ("ann@federatie.example", "analyst", None)
    assert "password" not in json.dumps(listed)
    assert cli("user", "disable", "ann@federatie.example").code == 0
    with app.database.reading() as session:
        assert users.verify(session, "ann@federatie.example", PASSWORD) is None
    typed("een ander lang wachtwoord\n")
    assert cli("user", "password", "ANN@federatie.example", "--password-stdin").code == 0
    with app.database.reading() as session:
        assert users.verify(session, "ann@federatie.example", "een ander lang wachtwoord")
        assert users.verify(session, "ann@federatie.example", PASSWORD) is None


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (("ann@federatie.example", "--name", "Ann"), "te kort", "7 characters"),
        (("ann@federatie.example", "--name", " "), PASSWORD, "no name"),
        (("ann", "--name", "Ann"), PASSWORD, "no e-mail address"),
    ],
)
def test_a_mistake_is_refused_with_the_way_out(
    cli: Callable[..., Ran], typed: Callable[[str], None], arguments: tuple[str, ...], password: str, said: str
) -> None:
    typed(password + "\n")
    ran = cli("user", "add", *arguments, "--password-stdin")
    assert ran.code == 1
    assert said in ran.err


def test_a_second_user_with_the_address_and_an_unknown_one_are_refused(
    cli: Callable[..., Ran], typed: Callable[[str], None]
) -> None:
    for code in (0, 1):
        typed(PASSWORD)
        assert cli("user", "add", "ann@federatie.example", "--name", "Ann", "--password-stdin").code == code
    ran = cli("user", "disable", "bob@federatie.example")
    assert ran.code == 1
    assert "ann@federatie.example" in ran.err


def test_without_a_terminal_a_password_is_never_asked_for(
    cli: Callable[..., Ran], typed: Callable[[str], None]
) -> None:
    typed("")
    ran = cli("user", "add", "ann@federatie.example", "--name", "Ann")
    assert ran.code == 2
    assert "--password-stdin" in ran.err


def asked(project: Path, *answers: str) -> tuple[int, str]:
    """Run `user add` on a terminal and type each answer when it is asked for; return the exit code and the text."""
    child, terminal = pty.fork()
    if not child:  # pragma: no cover - another process
        os.chdir(project)
        arguments = ("user", "add", "ann@federatie.example", "--name", "Ann")
        os.execv(sys.executable, [sys.executable, "-m", "outreach", *arguments])
    told, waiting = "", list(answers)
    with suppress(OSError):  # the terminal is gone once the command has ended
        while read := os.read(terminal, 1000):
            told += read.decode()
            if told.endswith(": ") and waiting:
                os.write(terminal, f"{waiting.pop(0)}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def test_a_password_too_short_is_asked_for_again_twice(app: App) -> None:
    code, told = asked(app.project, "kort", "kort", PASSWORD, PASSWORD)
    assert told.startswith("Password (at least 12 characters): ")
    assert "the password has 4 characters: give 12 to 1000; try again" in told
    assert code == 0
    with app.database.reading() as session:
        assert users.verify(session, "ann@federatie.example", PASSWORD)


def test_the_third_password_too_short_is_the_last(app: App) -> None:
    code, told = asked(app.project, *["kort"] * 6)
    assert code == 1
    assert told.count("try again") == 2
    assert "error: the password has 4 characters" in told


def test_passwords_are_kept_as_argon2id_and_never_as_given(app: App) -> None:
    with app.database.writing() as session:
        user = users.add(session, "a@b.example", name="A", role=Role.TEAM, password=PASSWORD, now=NOW)
        # No less work than RFC 9106 recommends where memory is scarce: 64 MiB, three times.
        assert user.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        with pytest.raises(Refusal):
            users.set_password(session, "a@b.example", "x" * 2000)
        assert users.verify(session, "a@b.example", "x" * 100_000) is None


def test_an_attempt_counts_within_its_window_and_is_forgotten_after_a_day(app: App) -> None:
    key = attempts.key_of(b"k", "form", "203.0.113.9", NOW)
    assert key != attempts.key_of(b"k", "form", "203.0.113.9", NOW + timedelta(days=1))
    with app.database.writing() as session:
        for _ in range(3):
            attempts.record(session, key, now=NOW)
        assert attempts.count(session, key, window=timedelta(hours=1), now=NOW) == 3
        assert attempts.count(session, key, window=timedelta(hours=1), now=NOW + timedelta(hours=2)) == 0
        attempts.record(session, b"x" * 16, now=NOW + timedelta(days=2))
        assert attempts.count(session, key, window=timedelta(days=9), now=NOW + timedelta(days=2)) == 0


def test_one_customer_of_ipv6_is_one_place() -> None:
    assert attempts.place_of("2001:db8::1") == attempts.place_of("2001:db8::ffff:1")
    assert attempts.place_of("2001:db8::1") != attempts.place_of("2001:db8:0:1::1")
    assert attempts.place_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert attempts.place_of("testclient") == "unknown"
