"""Templates, rendering, message assembly and lint: everything between a campaign's texts and the bytes of its mails.

Nothing here reads the database or the clock. A template is loaded once, frozen into its campaign, and rendered from
that copy: Jinja first, MJML second, then `assembly` writes the message.
"""
