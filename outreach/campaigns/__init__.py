"""A campaign's life, from its file to the last delivery: `life` holds its states and `reviewing` what may pass them.

`draft → in_review → approved → scheduled → sending ⇄ paused → sent`, or `cancelled`. Approval freezes a copy
(`frozen`); when sending starts, the audience is frozen as rows (`starting`) and every mail is made from the copy alone
(`mailing`).
"""
