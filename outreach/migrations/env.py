"""Run the migrations on the connection that `outreach.database.upgrade` hands over, or write a new one."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from outreach.models import Table
from outreach.models.columns import BigId, CodeText, Digest, Moment

# Our column types as a migration writes them out, so that it stays what it was when the types change.
SPELLED = {
    repr(BigId): 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")',
    repr(CodeText): 'sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql")',
    repr(Digest): "sa.LargeBinary(16)",
}


def spell(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Return how a type stands in a migration; False leaves it to Alembic."""
    if kind != "type":
        return False
    if isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return SPELLED.get(repr(item), False)


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
    render_item=spell,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
