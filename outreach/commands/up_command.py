"""`outreach up`: site, scheduler and sender in one process."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import click
import uvicorn
from sqlalchemy import select

from outreach import jobs, logs, scheduler
from outreach.app import App
from outreach.commands.door import Door, log_option
from outreach.commands.stopping import stop_event
from outreach.delivery import presence
from outreach.errors import Refusal
from outreach.keys import STATE
from outreach.models import Campaign, CampaignStatus
from outreach.settings import RelaySettings

# How long pages that are being served may take once we are asked to stop.
GRACE_SECONDS = 5


@click.command()
@click.option(
    "--inbox",
    is_flag=True,
    help="Keep every mail in a built-in inbox, shown in the browser; send none.",
)
@log_option
@click.pass_obj
def command(door: Door, inbox: bool, log_format: str | None) -> None:
    """Run everything: the site, the scheduler and the sender; stop with Ctrl-C or SIGTERM."""
    with (
        door.open() as opened,
        _alone(opened),
        _listening(opened) as listener,
        _relay_of(opened, inbox) as app,
        stop_event() as stop,
    ):
        logs.set_up(app.settings.log, form=log_format)
        jobs.wake_relays(app)
        with scheduler.running(app, stop):
            _say_where(app)
            _serve(app, listener, stop)
            click.echo("stopping: mails on the wire are finished first", err=True)


@contextmanager
def _alone(app: App) -> Iterator[None]:
    """Refuse a second `up` on the same project; on PostgreSQL any number may run, each on a host of its own."""
    if not app.database.is_sqlite:
        yield
        return
    with presence.locked(app.project / STATE / "up", "runs `outreach up` on this project"):
        yield


@contextmanager
def _relay_of(app: App, inbox: bool) -> Iterator[App]:
    """Return the project as it is, or with the built-in inbox for its relay: then nothing leaves this machine."""
    if not inbox:
        yield app
        return
    from outreach.demo.inbox import Mailbox, free_port, running_inbox
    from outreach.demo.inbox_pages import serving

    smtp, pages = free_port(2525), free_port(8025)
    mailbox = Mailbox(app.project / STATE / "inbox.db")
    with closing(mailbox), running_inbox(mailbox, smtp), serving(mailbox, pages):
        click.echo(f"inbox  http://127.0.0.1:{pages}/ the built-in inbox keeps every mail; nothing leaves this machine")
        for name in _left_alone(app):
            click.echo(f"campaign {name} is sent for real: left alone until `outreach up` without --inbox", err=True)
        relay = RelaySettings(host="127.0.0.1", port=smtp, connections=app.settings.all_relays[0].settings.connections)
        # The inbox takes mail as fast as it comes, whatever domain it is to.
        instead = {"relay": relay, "relays": {}, "providers": {}}
        yield replace(app, settings=app.settings.model_copy(update=instead), simulated=True)


def _left_alone(app: App) -> list[str]:
    with app.database.reading() as session:
        real = select(Campaign.name).where(Campaign.status == CampaignStatus.SENDING, Campaign.simulated.is_(False))
        return list(session.scalars(real.order_by(Campaign.name)))


@contextmanager
def _listening(app: App) -> Iterator[socket.socket]:
    """Listen on the address of the settings before anything starts; Refusal if it is taken."""
    site = app.settings.site
    family = socket.AF_INET6 if ":" in site.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((site.host, site.port))
        except OSError as error:
            way_out = "set another with site.port in outreach.toml or OUTREACH_SITE__PORT"
            if error.errno == errno.EADDRINUSE:
                raise Refusal(f"site.port {site.port}: another program listens there already; {way_out}") from error
            raise Refusal(f"site.host {site.host}, site.port {site.port}: {error.strerror}; {way_out}") from error
        listener.listen(128)
        yield listener


def _say_where(app: App) -> None:
    site = app.settings.site
    here = f"http://{f'[{site.host}]' if ':' in site.host else site.host}:{site.port}"
    click.echo(f"site   {here}/" + (f"  (companies reach it at {site.url})" if site.url != here else ""))
    if site.port_fault:
        click.echo(f"careful: {site.port_fault}", err=True)
    click.echo(f"staff  {here}/staff")
    for relay in (one.settings for one in app.settings.all_relays):
        tls = relay.security if relay.security != "none" else "without TLS"
        click.echo(f"relay  {relay.host}:{relay.port}, {tls}{', a backup' if relay.backup else ''}")
    click.echo("stop with Ctrl-C")


class _Server(uvicorn.Server):
    """Ends also for a signal that came before uvicorn listened to any."""

    def __init__(self, config: uvicorn.Config, stop: threading.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop.is_set()


def _serve(app: App, listener: socket.socket, stop: threading.Event) -> None:
    """Serve until SIGINT or SIGTERM; uvicorn hands the signal on to our own handler when it is done."""
    from outreach.web.patience import Patient
    from outreach.web.site import create_site

    proxies = app.settings.site.trusted_proxies
    config = uvicorn.Config(
        create_site(app),
        log_config=None,  # its loggers hand on to ours, which mask addresses
        http=Patient,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
    )
    _Server(config, stop).run(sockets=[listener])
