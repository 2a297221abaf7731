"""Keep the pace in the database: permits per relay and provider, a ceiling a day, and each campaign's canary."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CAME_BACK = "kind IN ('bounced', 'complained')"


def upgrade() -> None:
    op.create_table(
        "pace",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("relay", "provider", name="pace_of", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("filled_at", sa.Float(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("base", sa.Float(), nullable=True),
        sa.Column("slowed_at", sa.Float(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("counted", BIG, nullable=False),
        sa.Column("counted_since", sa.Float(), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_pace", "pace", ["kind", "name"], unique=True)
    op.create_table(
        "relay_day",
        sa.Column("relay", sa.String(length=300), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("granted", BIG, nullable=False),
        sa.Column("ceiling", BIG, nullable=True),
        sa.PrimaryKeyConstraint("relay", "day"),
    )
    op.create_table(
        "canary",
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("campaign_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    op.create_index("ix_canary_campaign_id", "canary", ["campaign_id"])
    op.create_table(
        "campaign_watch",
        sa.Column("campaign_id", BIG, nullable=False),
        sa.Column("canary", BIG, nullable=False),
        sa.Column("canary_minutes", BIG, nullable=False),
        sa.Column("canary_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canary_passed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("campaign_id"),
    )
    op.add_column("delivery", sa.Column("provider", sa.String(length=30), server_default="other", nullable=False))
    op.drop_index("ix_delivery_campaign_status", "delivery")
    op.create_index("ix_delivery_campaign_status", "delivery", ["campaign_id", "status", "retry_at", "provider"])
    op.create_index(
        "ix_event_came_back",
        "event",
        ["delivery_id"],
        sqlite_where=sa.text(CAME_BACK),
        postgresql_where=sa.text(CAME_BACK),
    )


def downgrade() -> None:
    op.drop_index("ix_event_came_back", "event", sqlite_where=sa.text(CAME_BACK), postgresql_where=sa.text(CAME_BACK))
    op.drop_index("ix_delivery_campaign_status", "delivery")
    op.drop_column("delivery", "provider")
    op.create_index("ix_delivery_campaign_status", "delivery", ["campaign_id", "status", "retry_at"])
    op.drop_table("campaign_watch")
    op.drop_index("ix_canary_campaign_id", "canary")
    op.drop_table("canary")
    op.drop_table("relay_day")
    op.drop_index("uq_pace", "pace")
    op.drop_table("pace")
