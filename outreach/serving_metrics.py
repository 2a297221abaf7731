"""Figures for Prometheus over HTTP: who may read them, and a small server for a process that has no site."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from sqlalchemy.exc import SQLAlchemyError

from outreach.app import App
from outreach.errors import Refusal
from outreach.metrics import CONTENT_TYPE, Metrics

# A proxy on this machine makes every visitor look like this machine; it says so in one of these.
_PASSED_ON = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")


def may_read(app: App, client: str | None, headers: Mapping[str, str]) -> bool:
    """Tell whether a request may see the figures: with the token of the settings, else from this machine only."""
    token = app.settings.metrics.token.get_secret_value()
    if token:
        given = headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in headers for name in _PASSED_ON):
        return False
    return _is_here(client) and _is_here(_host_of(headers.get("host", "")))


def _host_of(host: str) -> str:
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _is_here(name: str | None) -> bool:
    try:
        return name == "localhost" or (name is not None and ip_address(name).is_loopback)
    except ValueError:
        return False


@contextmanager
def serving(app: App, place: str) -> Iterator[None]:
    """Serve the figures at `place` (HOST:PORT) while the block runs."""
    server = _server(app, *_parsed(app, place))
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _parsed(app: App, place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise Refusal(f"--metrics {place!r}: write HOST:PORT, such as 127.0.0.1:9100")
    if not _is_here(host) and not app.settings.metrics.token.get_secret_value():
        raise Refusal(
            f"--metrics {place}: others could read it there; set metrics.token (OUTREACH_METRICS__TOKEN) first"
        )
    return host, int(port)


def _figures(metrics: Metrics) -> tuple[int, bytes]:
    try:
        return 200, metrics.text()
    except (SQLAlchemyError, Refusal) as error:
        return 503, f"the database can't be asked: {type(error).__name__}\n".encode()


def _server(app: App, host: str, port: int) -> ThreadingHTTPServer:
    metrics = Metrics(app)

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "outreach", ""
        timeout = 10

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = 404, b"not found\n"
            if self.path == "/metrics" and may_read(app, self.client_address[0], headers):
                status, body = _figures(metrics)
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE if status == 200 else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: it is asked every few seconds."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise Refusal(f"--metrics {host}:{port}: {error.strerror}; choose another port") from error
