"""A prepared statement gives what the same statement gives by SQLAlchemy: rows, types, and errors."""

from __future__ import annotations

import pytest
import world
from conftest import NOW
from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from outreach.app import App
from outreach.models import AddressKind, Contact, Worker, given
from outreach.models.prepared import Prepared, Statement

COLUMNS = (Contact.id, Contact.kind, Contact.created_at, Contact.frequency, Contact.address_hash)


def _wanted(dialect: str) -> Select[tuple[int, AddressKind]]:
    kinds = Contact.kind.in_((AddressKind.ROLE, AddressKind.PERSONAL))
    return select(*COLUMNS).where(Contact.id.in_(given.ids(dialect)), kinds, Contact.created_at <= bindparam("now"))


def test_rows_are_those_of_sqlalchemy_with_their_types(both: App) -> None:
    with both.database.writing() as session:
        world.add_cast(session, key=both.suppression_key, now=NOW)
        ids = session.scalars(select(Contact.id)).all()
    wanted = given.as_parameter([id] for id in ids[:2])
    prepared = Prepared(_wanted)
    with both.database.reading() as session:
        told = session.execute(_wanted(session.get_bind().dialect.name), {"ids": wanted, "now": NOW}).all()
        for _ in range(2):
            assert sorted(prepared.run(session, ids=wanted, now=NOW)) == sorted(tuple(row) for row in told)
        assert prepared.run(session, ids="[]", now=NOW) == []


def test_what_it_changes_is_undone_with_its_transaction(both: App) -> None:
    rename = Prepared(lambda dialect: update(Worker).where(Worker.name == bindparam("old")).values(name="b"))
    with both.database.writing() as session:
        session.add(Worker(name="a", started_at=NOW, heartbeat_at=NOW))
    with pytest.raises(RuntimeError), both.database.writing() as session:
        assert rename.run(session, old="a") == []
        raise RuntimeError
    with both.database.reading() as session:
        assert session.scalars(select(Worker.name)).all() == ["a"]


def test_an_error_is_of_sqlalchemys_kind_and_quotes_no_row(both: App) -> None:
    def twice(dialect: str) -> Statement:
        return insert(Worker).values(id=bindparam("number"), name=bindparam("name"), started_at=NOW, heartbeat_at=NOW)

    with both.database.writing() as session:
        session.execute(delete(Worker))
        Prepared(twice).run(session, number=1, name="a")
    with pytest.raises(IntegrityError) as caught, both.database.writing() as session:
        Prepared(twice).run(session, number=1, name="geheim")
    assert "geheim" not in str(caught.value)


def test_a_parameter_that_is_missing_is_named(app: App) -> None:
    with app.database.reading() as session, pytest.raises(KeyError, match="now"):
        Prepared(_wanted).run(session, ids="[]")
