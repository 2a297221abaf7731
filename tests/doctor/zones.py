"""A name server of our own with zones in their usual form, and names that it can't or won't answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer


@dataclass
class Zone(BaseResolver):  # type: ignore[misc]
    """Answers from `text`; a name that has nothing is NXDOMAIN, one of another kind is an empty answer."""

    text: str
    broken: tuple[str, ...] = ()  # SERVFAIL
    silent: tuple[str, ...] = ()  # no answer in time
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = [(str(row.rname).rstrip(".").lower(), QTYPE[row.rtype], row) for row in RR.fromZone(self.text)]

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append(f"{name} {kind}")
        reply = request.reply()
        if name.endswith(self.silent or ("\0",)):
            time.sleep(3)
        if name.endswith(self.broken or ("\0",)):
            reply.header.rcode = RCODE.SERVFAIL
        elif not any(name == known or known.endswith(f".{name}") for known, _, _ in self.rows):
            reply.header.rcode = RCODE.NXDOMAIN
        for known, its_kind, row in self.rows:
            if known == name and its_kind == kind:
                reply.add_answer(row)
        return reply


@contextmanager
def name_server(zone: Zone) -> Iterator[str]:
    """Run a name server on UDP and TCP; yields its HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    quiet = DNSLogger(logf=lambda line: None)
    servers = [DNSServer(zone, address="127.0.0.1", port=port, tcp=tcp, logger=quiet) for tcp in (False, True)]
    for server in servers:
        threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        for server in servers:
            server.server.shutdown()
            server.server.server_close()
