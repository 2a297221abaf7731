"""Index companies by section and province, so that a province's companies come in the order of their ids."""

from alembic import op

revision = "0007"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_company_section_province", "company", ["section_2025", "province_nis"])
    op.drop_index("ix_company_province_section", table_name="company")


def downgrade() -> None:
    op.create_index("ix_company_province_section", "company", ["province_nis", "section_2025"])
    op.drop_index("ix_company_section_province", table_name="company")
