"""Steps that a campaign's state allows and that are refused all the same: to whom, or for what changed meanwhile."""

from __future__ import annotations

import hashlib
import json

from outreach.campaigns.frozen import Frozen, changed_parts
from outreach.errors import Refusal
from outreach.models import Campaign


def refuse_own(campaign: Campaign, by: str, approve_own: bool) -> None:
    """Refuse an approval by who submitted the campaign, unless the team is one person (`sending.approve_own`)."""
    if approve_own or campaign.submitted_by is None:
        return
    before, after = by.strip().casefold(), campaign.submitted_by.strip().casefold()
    # A login of this machine that is called like the user is taken for the same person.
    if before == after or {f"cli:{before.partition('@')[0]}", f"cli:{after.partition('@')[0]}"} & {before, after}:
        raise Refusal(
            f"campaign {campaign.name!r} was submitted by {campaign.submitted_by}: somebody else approves it "
            "(on the command line `--as EMAIL`), or a team of one sets [sending] approve_own = true"
        )


def refuse_changed(campaign: Campaign, frozen: Frozen) -> None:
    """Refuse to approve anything but what was submitted and checked."""
    if changed := changed_parts(campaign.submitted_digests or {}, frozen.digests()):
        raise Refusal(
            f"campaign {campaign.name!r}: changed since it was submitted: {', '.join(changed)}. "
            f"Look at it and submit it again: `outreach campaign submit {campaign.name}`"
        )


def seen_by(campaign: Campaign) -> str:
    """Return what identifies the texts, submission and pause that a page shows; any change gives another."""
    parts = (
        campaign.spec,
        campaign.submitted_by,
        campaign.submitted_at,
        campaign.submitted_digests,
        campaign.pause_kind,
        campaign.pause_reason,
        campaign.pause_facts,
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def refuse_unseen(campaign: Campaign, seen: str | None) -> None:
    """Refuse a step to who looked at something else (`seen_by` then); None = the step says nothing of a look."""
    if seen is not None and seen != seen_by(campaign):
        raise Refusal(
            f"campaign {campaign.name!r}: changed since you looked; look at it as it is now, and decide again"
        )
