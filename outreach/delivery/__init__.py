"""Sending: claiming rows, SMTP, what each reply means, the outbox, and opting out.

Correctness rests on rows: a mail is `sending` in a committed transaction before its first byte is on the wire, and its
result is written on condition that it is still ours. Nothing here trusts the clock, the queue or the process to live.
"""
