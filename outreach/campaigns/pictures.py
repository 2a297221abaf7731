"""The pictures of sent mails, each under the digest of its content."""

from __future__ import annotations

from sqlalchemy.orm import Session

from outreach.models import Picture


def find(session: Session, digest: str) -> Picture | None:
    """Return the picture with this SHA-256 in hexadecimal digits, or None."""
    return session.get(Picture, digest)
