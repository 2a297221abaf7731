"""Make the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_key"), ["key"], unique=False)

    op.create_table(
        "campaign",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("segment", sa.String(length=80), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("topic", sa.String(length=60), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "in_review",
                "approved",
                "scheduled",
                "sending",
                "paused",
                "sent",
                "cancelled",
                name="campaign_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "pause_kind",
            sa.Enum(
                "person",
                "late",
                "audience",
                "other_database",
                "content",
                "policy",
                name="pause_kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("pause_facts", sa.JSON(), nullable=True),
        sa.Column("accepted_counts", sa.JSON(), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.String(length=200), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_digests", sa.JSON(), nullable=True),
        sa.Column("scheduled_by", sa.String(length=200), nullable=True),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("frozen_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_status"), ["status"], unique=False)

    op.create_table(
        "company",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("enterprise_number", sa.String(length=10), nullable=True),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("name_key", sa.String(length=320), nullable=False),
        sa.Column("legal_form", sa.String(length=40), nullable=True),
        sa.Column("legal_person", sa.Boolean(), nullable=True),
        sa.Column("legal_person_source", sa.String(length=200), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("municipality_nis", sa.String(length=5), nullable=True),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("nace_2008", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True),
        sa.Column("nace_2025", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True),
        sa.Column("section_2008", sa.String(length=1), nullable=True),
        sa.Column("section_2025", sa.String(length=1), nullable=True),
        sa.Column("sector_rule", sa.String(length=40), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "active",
                "stopped",
                "insolvent",
                "not_regular",
                name="company_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="active",
            nullable=False,
        ),
        sa.Column("status_reason", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("enterprise_number"),
    )
    with op.batch_alter_table("company", schema=None) as batch_op:
        batch_op.create_index("ix_company_nace_2008", ["nace_2008"], unique=False)
        batch_op.create_index("ix_company_nace_2025", ["nace_2025"], unique=False)
        batch_op.create_index(batch_op.f("ix_company_name_key"), ["name_key"], unique=False)
        batch_op.create_index("ix_company_province", ["province_nis"], unique=False)
        batch_op.create_index("ix_company_province_section", ["province_nis", "section_2025"], unique=False)
        batch_op.create_index(
            "uq_company_numberless",
            ["name_key", "postcode"],
            unique=True,
            sqlite_where=sa.text("enterprise_number IS NULL"),
            postgresql_where=sa.text("enterprise_number IS NULL"),
        )

    op.create_table(
        "enterprise",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("enterprise_number", sa.String(length=10), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("postcode", sa.String(length=12), nullable=False),
        sa.Column("municipality_nis", sa.String(length=5), nullable=True),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("website", sa.String(length=300), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("enterprise_number"),
        sa.UniqueConstraint("slug"),
    )
    op.create_table(
        "host",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("instance_id", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instance_id", sa.String(length=32), nullable=False),
        sa.Column("server", sa.String(length=1000), nullable=True),
        sa.Column(
            "generation", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key_canary", sa.LargeBinary(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_installation_single"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "sending",
                "sent",
                "deferred",
                "rejected",
                "failed",
                "uncertain",
                name="outbox_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_address_hash"), ["address_hash"], unique=False)
        batch_op.create_index("ix_outbox_status", ["status", "retry_at"], unique=False)

    op.create_table(
        "picture",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "relay_rest",
        sa.Column("relay", sa.String(length=300), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("configuration", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("relay"),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum("team", "analyst", name="user_role", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("frozen", sa.JSON(), nullable=False),
        sa.Column("audience_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailable_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("approved_by", sa.String(length=200), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(
            "uq_approval_live",
            ["campaign_id"],
            unique=True,
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )

    op.create_table(
        "campaign_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("campaign_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_change_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "cohort",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("section_2025", sa.String(length=1), nullable=True),
        sa.Column("company_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "number"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "collaboration",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "customer", "supplier", name="collaboration_kind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("from_year", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_year", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("to_year IS NULL OR to_year >= from_year", name="ck_collaboration_years"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["company.id"],
        ),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("collaboration", schema=None) as batch_op:
        batch_op.create_index("uq_collaboration", ["company_id", "enterprise_id", "kind", "from_year"], unique=True)

    op.create_table(
        "establishment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("establishment_number", sa.String(length=10), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("municipality_nis", sa.String(length=5), nullable=True),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("from_register", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("typed_province_nis", sa.String(length=5), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("establishment_number"),
    )
    with op.batch_alter_table("establishment", schema=None) as batch_op:
        batch_op.create_index(
            "uq_establishment_register",
            ["company_id", "province_nis"],
            unique=True,
            sqlite_where=sa.text("from_register"),
            postgresql_where=sa.text("from_register"),
        )
        batch_op.create_index("ix_establishment_company_province", ["company_id", "province_nis"], unique=False)
        batch_op.create_index("ix_establishment_province_company", ["province_nis", "company_id"], unique=False)
        batch_op.create_index(
            "uq_establishment_numberless",
            ["company_id", "postcode"],
            unique=True,
            sqlite_where=sa.text("establishment_number IS NULL"),
            postgresql_where=sa.text("establishment_number IS NULL"),
        )

    op.create_table(
        "login",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_hash"),
    )
    with op.batch_alter_table("login", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_user_id"), ["user_id"], unique=False)

    op.create_table(
        "service",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=300), nullable=True),
        sa.Column("picture_alt", sa.String(length=300), nullable=False),
        sa.Column("taking_customers", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    with op.batch_alter_table("service", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_service_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_enterprise_id"), ["enterprise_id"], unique=False)

    op.create_table(
        "suppression",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "unsubscribed",
                "complaint",
                "hard_bounce",
                "erased",
                "imported",
                "manual",
                name="suppression_reason",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=200), nullable=True),
        sa.Column("lifted_reason", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.create_index(
            "uq_suppression_live",
            ["address_hash"],
            unique=True,
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        )

    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("establishment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("address_domain", sa.String(length=255), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("role", "personal", name="address_kind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("first_name", sa.String(length=100), nullable=True),
        sa.Column("last_name", sa.String(length=100), nullable=True),
        sa.Column("function", sa.String(length=100), nullable=True),
        sa.Column("tracking_consent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "frequency",
            sa.Enum(
                "monthly",
                "quarterly",
                "half_yearly",
                name="contact_frequency",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(address IS NULL) = (address_hash IS NULL)", name="ck_contact_address_hashed"),
        sa.CheckConstraint("(address IS NULL) = (erased_at IS NOT NULL)", name="ck_contact_address_or_erased"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["company.id"],
        ),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "address_hash", name="uq_contact_company_address"),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_address_hash"), ["address_hash"], unique=False)
        batch_op.create_index(
            "ix_contact_own_limit",
            ["address_hash", "frequency"],
            unique=False,
            sqlite_where=sa.text("frequency IS NOT NULL"),
            postgresql_where=sa.text("frequency IS NOT NULL"),
        )

    op.create_table(
        "edition",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("campaign_id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "exposure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cohort_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("block", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fallback", sa.String(length=40), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohort.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["service.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cohort_id", "block", "position"),
        sa.UniqueConstraint("cohort_id", "service_id"),
    )
    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.create_index("ix_exposure_service", ["service_id", "cohort_id"], unique=False)

    op.create_table(
        "link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cohort_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("block", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohort.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["service.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "service_form",
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "form",
            sa.Enum(
                "workshop",
                "on_site",
                "subcontracting",
                "product",
                name="delivery_form",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", "form"),
    )
    op.create_table(
        "service_province",
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("province_nis", sa.String(length=5), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", "province_nis"),
    )
    op.create_table(
        "service_sector",
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=False),
        sa.Column("section_2025", sa.String(length=1), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", "version", "code"),
    )
    op.create_table(
        "contact_tag",
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tag", "contact_id"),
    )
    with op.batch_alter_table("contact_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_tag_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "contact_topic",
        sa.Column("topic", sa.String(length=60), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("follows", sa.Boolean(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("topic", "contact_id"),
    )
    with op.batch_alter_table("contact_topic", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_topic_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cohort_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("section_2025", sa.String(length=1), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "held_out",
                "skipped",
                "sending",
                "sent",
                "deferred",
                "rejected",
                "failed",
                "uncertain",
                "cancelled",
                name="delivery_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["company.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "contact_id", name="uq_delivery_contact"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_address_status",
            ["address_hash", "status", "sent_at", "status_at", "campaign_id"],
            unique=False,
        )
        batch_op.create_index("ix_delivery_campaign_status", ["campaign_id", "status", "retry_at"], unique=False)
        batch_op.create_index("ix_delivery_cohort", ["cohort_id"], unique=False)
        batch_op.create_index(
            "ix_delivery_company_status", ["company_id", "status", "sent_at", "status_at", "campaign_id"], unique=False
        )
        batch_op.create_index("ix_delivery_contact_status", ["contact_id", "status", "sent_at"], unique=False)
        batch_op.create_index(
            "ix_delivery_worker",
            ["worker_id"],
            unique=False,
            sqlite_where=sa.text("worker_id IS NOT NULL"),
            postgresql_where=sa.text("worker_id IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_delivery_address",
            ["campaign_id", "address_hash"],
            unique=True,
            sqlite_where=sa.text("status <> 'skipped'"),
            postgresql_where=sa.text("status <> 'skipped'"),
        )

    op.create_table(
        "hit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("agent", sa.String(length=300), nullable=False),
        sa.Column("signs", sa.String(length=60), nullable=False),
        sa.Column("source", sa.Integer(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("human", "scanner", name="hit_kind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("reasons", sa.String(length=300), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("hit", schema=None) as batch_op:
        batch_op.create_index("ix_hit_at", ["at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_hit_link_id"), ["link_id"], unique=False)
        batch_op.create_index(
            "ix_hit_unjudged",
            ["at"],
            unique=False,
            sqlite_where=sa.text("rules IS NULL"),
            postgresql_where=sa.text("rules IS NULL"),
        )

    op.create_table(
        "lead",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("company_name", sa.String(length=320), nullable=False),
        sa.Column("enterprise_number", sa.String(length=10), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("enterprise_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "form",
                "reply",
                "call",
                "fair",
                "import",
                name="lead_channel",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "evidence",
            sa.Enum(
                "code",
                "answer",
                "declared",
                "shown",
                "none",
                name="lead_evidence",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "stage",
            sa.Enum(
                "new",
                "confirmed",
                "refused",
                "merged",
                name="lead_stage",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("merged_into", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("person", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("wanted_when", sa.String(length=100), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminders", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("import_key", sa.LargeBinary(16), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.LargeBinary(16), nullable=False),
        sa.CheckConstraint("(stage = 'merged') = (merged_into IS NOT NULL)", name="ck_lead_merged"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["company.id"],
        ),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["merged_into"],
            ["lead.id"],
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["service.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("import_key"),
    )
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lead_address_hash"), ["address_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_lead_campaign_id"), ["campaign_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_lead_company_id"), ["company_id"], unique=False)
        batch_op.create_index("ix_lead_enterprise", ["enterprise_id", "stage"], unique=False)

    op.create_table(
        "consent_text",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "newsletter", "tracking", name="consent_purpose", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "confirmation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "sign_up",
                "move",
                "colleague",
                "link",
                name="confirmation_kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_name", sa.String(length=100), nullable=True),
        sa.Column("last_name", sa.String(length=100), nullable=True),
        sa.Column("company_name", sa.String(length=320), nullable=True),
        sa.Column("enterprise_number", sa.String(length=10), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column(
            "frequency",
            sa.Enum(
                "monthly",
                "quarterly",
                "half_yearly",
                name="confirmation_frequency",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("text_hash", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("from_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("kind IN ('sign_up', 'link') OR from_hash IS NOT NULL", name="ck_confirmation_from_hash"),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["text_hash"], ["consent_text.digest"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("address_hash", "asked_on", "number", name="uq_confirmation_number"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("confirmation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_confirmation_from_hash"), ["from_hash"], unique=False)

    op.create_table(
        "preference_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("via", sa.String(length=100), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["text_hash"], ["consent_text.digest"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("preference_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_preference_change_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "legal_basis",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "consent",
                "customer",
                "role_address",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("obtained_on", sa.Date(), nullable=False),
        sa.Column("text_version", sa.String(length=100), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("text_hash", sa.String(length=64), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["text_hash"], ["consent_text.digest"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contact_id", "basis", "obtained_on", "source", name="uq_legal_basis_evidence"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "sent",
                "deferred",
                "rejected",
                "failed",
                "bounced",
                "complained",
                "clicked",
                "unsubscribed",
                "autoresponded",
                "uncertain",
                "settled",
                name="event_kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_delivery", ["delivery_id", "kind"], unique=False)

    op.create_table(
        "register_code",
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("category", "code", "language"),
    )
    op.create_table(
        "register_entry",
        sa.Column("enterprise_number", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("name_nl", sa.String(length=320), nullable=True),
        sa.Column("name_fr", sa.String(length=320), nullable=True),
        sa.Column("name_de", sa.String(length=320), nullable=True),
        sa.Column("name_en", sa.String(length=320), nullable=True),
        sa.Column("abbreviations", sa.Text(), nullable=True),
        sa.Column("commercial_names", sa.Text(), nullable=True),
        sa.Column("juridical_form", sa.String(length=8), nullable=True),
        sa.Column("juridical_form_cac", sa.String(length=8), nullable=True),
        sa.Column("juridical_situation", sa.String(length=8), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("municipality", sa.String(length=120), nullable=True),
        sa.Column("municipality_nis", sa.String(length=5), nullable=True),
        sa.Column("province_nis", sa.String(length=5), nullable=True),
        sa.Column("country", sa.String(length=120), nullable=True),
        sa.Column("seat_struck_off_on", sa.Date(), nullable=True),
        sa.Column("establishments", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("establishment_provinces", sa.String(length=80), nullable=True),
        sa.Column("nace_2025", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True),
        sa.Column("section_2025", sa.String(length=1), nullable=True),
        sa.Column("rule_2025", sa.String(length=40), nullable=True),
        sa.Column("nace_2008", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True),
        sa.Column("section_2008", sa.String(length=1), nullable=True),
        sa.Column("rule_2008", sa.String(length=40), nullable=True),
        sa.Column("sector_version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("enterprise_number"),
    )
    op.create_table(
        "register_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("extract_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "extract_type",
            sa.Enum("full", "update", name="extract_type", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("extracted_at", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("mass", sa.String(length=80), nullable=False),
        sa.Column("entries", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("imported_by", sa.String(length=200), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=True),
        sa.CheckConstraint("(replaced_at IS NULL) = (current IS NOT NULL)", name="ck_register_import_current"),
        sa.CheckConstraint("current IS NULL OR current", name="ck_register_import_true"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("current"),
    )
    op.create_table(
        "register_name",
        sa.Column("rank", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rank"),
    )

    op.create_table(
        "placement",
        sa.Column(
            "company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("snapshot_date", sa.Date(), nullable=True),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("ever_found", sa.Boolean(), nullable=False),
        sa.Column("typed_legal_form", sa.String(length=40), nullable=True),
        sa.Column("typed_legal_person", sa.Boolean(), nullable=True),
        sa.Column("typed_legal_person_source", sa.String(length=200), nullable=True),
        sa.Column("typed_postcode", sa.String(length=12), nullable=True),
        sa.Column("typed_municipality_nis", sa.String(length=5), nullable=True),
        sa.Column("typed_province_nis", sa.String(length=5), nullable=True),
        sa.Column(
            "typed_nace_2008", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True
        ),
        sa.Column(
            "typed_nace_2025", sa.String(7).with_variant(sa.String(7, collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("typed_section_2008", sa.String(length=1), nullable=True),
        sa.Column("typed_section_2025", sa.String(length=1), nullable=True),
        sa.Column("typed_sector_rule", sa.String(length=40), nullable=True),
        sa.Column(
            "typed_status",
            sa.Enum(
                "active",
                "stopped",
                "insolvent",
                "not_regular",
                name="placement_typed_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("typed_status_reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("company_id"),
    )
    op.create_table(
        "company_alias",
        sa.Column("name_key", sa.String(length=320), nullable=False),
        sa.Column("postcode", sa.String(length=12), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name_key", "postcode"),
    )
    with op.batch_alter_table("company_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_company_alias_company_id"), ["company_id"], unique=False)

    op.create_table(
        "proposal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("company_name", sa.String(length=320), nullable=False),
        sa.Column("enterprise_number", sa.String(length=10), nullable=False),
        sa.Column("entry_name", sa.String(length=320), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("certain", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "accepted",
                "rejected",
                name="proposal_state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="ck_proposal_decided"),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "enterprise_number", name="uq_proposal_pair"),
    )
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.create_index("ix_proposal_state", ["state", "certain", "score"], unique=False)
        batch_op.create_index(
            "uq_proposal_accepted",
            ["company_id"],
            unique=True,
            sqlite_where=sa.text("state = 'accepted'"),
            postgresql_where=sa.text("state = 'accepted'"),
        )


def downgrade() -> None:
    op.drop_table("proposal")
    op.drop_table("company_alias")
    op.drop_table("placement")
    op.drop_table("register_name")
    op.drop_table("register_import")
    op.drop_table("register_entry")
    op.drop_table("register_code")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_delivery")

    op.drop_table("event")
    op.drop_table("legal_basis")
    with op.batch_alter_table("preference_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_preference_change_contact_id"))

    op.drop_table("preference_change")
    with op.batch_alter_table("confirmation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_confirmation_from_hash"))

    op.drop_table("confirmation")
    op.drop_table("consent_text")
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_index("ix_lead_enterprise")
        batch_op.drop_index(batch_op.f("ix_lead_company_id"))
        batch_op.drop_index(batch_op.f("ix_lead_campaign_id"))

    op.drop_table("lead")
    with op.batch_alter_table("hit", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_hit_unjudged",
            sqlite_where=sa.text("rules IS NULL"),
            postgresql_where=sa.text("rules IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_hit_link_id"))
        batch_op.drop_index("ix_hit_at")

    op.drop_table("hit")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_delivery_address",
            sqlite_where=sa.text("status <> 'skipped'"),
            postgresql_where=sa.text("status <> 'skipped'"),
        )
        batch_op.drop_index(
            "ix_delivery_worker",
            sqlite_where=sa.text("worker_id IS NOT NULL"),
            postgresql_where=sa.text("worker_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_delivery_contact_status")
        batch_op.drop_index("ix_delivery_company_status")
        batch_op.drop_index("ix_delivery_cohort")
        batch_op.drop_index("ix_delivery_campaign_status")
        batch_op.drop_index("ix_delivery_address_status")

    op.drop_table("delivery")
    with op.batch_alter_table("contact_topic", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_topic_contact_id"))

    op.drop_table("contact_topic")
    with op.batch_alter_table("contact_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_tag_contact_id"))

    op.drop_table("contact_tag")
    op.drop_table("service_sector")
    op.drop_table("service_province")
    op.drop_table("service_form")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_campaign_id"))

    op.drop_table("link")
    with op.batch_alter_table("exposure", schema=None) as batch_op:
        batch_op.drop_index("ix_exposure_service")

    op.drop_table("exposure")
    op.drop_table("edition")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_contact_own_limit",
            sqlite_where=sa.text("frequency IS NOT NULL"),
            postgresql_where=sa.text("frequency IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_contact_address_hash"))

    op.drop_table("contact")
    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_suppression_live",
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        )

    op.drop_table("suppression")
    with op.batch_alter_table("service", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_service_enterprise_id"))
        batch_op.drop_index(batch_op.f("ix_service_category"))

    op.drop_table("service")
    with op.batch_alter_table("login", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_user_id"))

    op.drop_table("login")
    with op.batch_alter_table("establishment", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_establishment_numberless",
            sqlite_where=sa.text("establishment_number IS NULL"),
            postgresql_where=sa.text("establishment_number IS NULL"),
        )
        batch_op.drop_index("ix_establishment_province_company")
        batch_op.drop_index("ix_establishment_company_province")

    op.drop_table("establishment")
    with op.batch_alter_table("collaboration", schema=None) as batch_op:
        batch_op.drop_index("uq_collaboration")

    op.drop_table("collaboration")
    op.drop_table("cohort")
    with op.batch_alter_table("campaign_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_change_campaign_id"))

    op.drop_table("campaign_change")
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_approval_live", sqlite_where=sa.text("voided_at IS NULL"), postgresql_where=sa.text("voided_at IS NULL")
        )

    op.drop_table("approval")
    op.drop_table("worker")
    op.drop_table("user")
    op.drop_table("relay_rest")
    op.drop_table("picture")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_status")

    op.drop_table("outbox")
    op.drop_table("installation")
    op.drop_table("host")
    op.drop_table("enterprise")
    with op.batch_alter_table("company", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_company_numberless",
            sqlite_where=sa.text("enterprise_number IS NULL"),
            postgresql_where=sa.text("enterprise_number IS NULL"),
        )
        batch_op.drop_index("ix_company_province_section")
        batch_op.drop_index("ix_company_province")
        batch_op.drop_index(batch_op.f("ix_company_name_key"))
        batch_op.drop_index("ix_company_nace_2025")
        batch_op.drop_index("ix_company_nace_2008")

    op.drop_table("company")
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_status"))

    op.drop_table("campaign")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_key"))

    op.drop_table("attempt")
