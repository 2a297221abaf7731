"""How fast and how right is what came back classified, beside flufl.bounce on the same messages?

MESSAGES (100,000; or N) messages: the real ones of the shared corpus where it is there, else our own of many mail
systems, repeated, each copy with addresses and queue numbers of its own so that no cache helps more than it would in
a real mailbox. Both read the same bytes, one after the other in one process, in turns of 1,000. `recipients` and
`recipients_and_class` are the share over the labelled ones that were found, and found with the right class. The last
line is one JSON object.
"""

from __future__ import annotations

import email
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# In place of this folder, whose public.py would hide a package of that name that flufl.bounce needs.
sys.path[0] = str(Path(__file__).parent.parent / "tests")

import mailbag  # noqa: E402
from flufl.bounce import scan_message  # noqa: E402

from outreach.inbox.classifying import classify  # noqa: E402

MESSAGES = int(os.environ.get("MESSAGES") or os.environ.get("N") or "100000")
TURN = 1_000


def samples() -> list[mailbag.Sample]:
    folder = mailbag.corpus_folder()
    return list(mailbag.corpus(folder)) if folder else mailbag.bounces()


def varied(raw: bytes, number: int) -> bytes:
    """Return a message with an address and a Message-ID of its own."""
    mark = b"%07d" % number
    return (
        raw.replace(b"kijitora", b"k" + mark).replace(b"ann@firma", b"a" + mark + b"@firma").replace(b"0000000", mark)
    )


def turns(raws: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, MESSAGES, TURN):
        count = min(TURN, MESSAGES - start)
        yield [varied(raws[number % len(raws)], number) for number in range(start, start + count)]


def peer(raw: bytes) -> None:
    with suppress(Exception):  # it raises on messages without From
        scan_message(email.message_from_bytes(raw))


def main() -> None:
    found = samples()
    wanted = addressed = right = 0
    for sample in found:
        classes = {one.address.lower(): one.klass.value for one in classify(sample.raw).recipients}
        wanted += len(sample.expected)
        addressed += sum(one.address in classes for one in sample.expected)
        right += sum(classes.get(one.address) == one.klass for one in sample.expected)
    ours = theirs = 0.0
    for number, raws in enumerate(turns([sample.raw for sample in found])):
        start = time.perf_counter()
        for raw in raws:
            classify(raw)
        between = time.perf_counter()
        for raw in raws:
            peer(raw)
        ours += between - start
        theirs += time.perf_counter() - between
        if sys.stderr.isatty():
            print(f"\r{(number + 1) * TURN:,} of {MESSAGES:,}", end="", file=sys.stderr)
    print(f"{len(found)} messages with {wanted} recipients, {MESSAGES:,} read: {theirs / ours:.1f} times flufl.bounce")
    result = {
        "messages": MESSAGES,
        "per_s": round(MESSAGES / ours),
        "flufl_per_s": round(MESSAGES / theirs),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "recipients": round(addressed / wanted, 4),
        "recipients_and_class": round(right / wanted, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
