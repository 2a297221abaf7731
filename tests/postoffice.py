"""A real Postfix and a real Dovecot of the tests' own: a configuration each in a temporary folder, on loopback only.

The system's own `/etc/postfix` and `/etc/dovecot` are neither read nor written. Both programs drop their rights by
themselves and are therefore started by root; mailboxes belong to `nobody`. Nothing ever leaves the machine: a domain
that a test didn't name is bounced.
"""

from __future__ import annotations

import mailbox
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relays import free_port

POSTFIX_PARTS = ("/usr/sbin/postfix", "/usr/lib/postfix/sbin/master", "/usr/lib/postfix/sbin/virtual")
DOVECOT_PARTS = ("/usr/sbin/dovecot", "/usr/lib/dovecot/imap")
OWNER = "nobody"
PASSWORD = "geheim-van-de-test"
_PATIENCE = 30.0


def can_run(parts: Sequence[str]) -> bool:
    """Tell whether all these programs are installed, and we may start them."""
    return os.getuid() == 0 and all(Path(part).exists() for part in parts)


def wait_for(what: Callable[[], object], seconds: float = _PATIENCE) -> None:
    """Wait until something is true; AssertionError if it takes too long."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_maildir(path: Path) -> Path:
    """Make an empty Maildir that the mail programs may write."""
    for name in ("new", "cur", "tmp"):
        (path / name).mkdir(parents=True, exist_ok=True)
    give(path)
    return path


def give(path: Path) -> None:
    """Give a folder with what is in it to the owner of the mailboxes."""
    owner = pwd.getpwnam(OWNER)
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.pw_uid, owner.pw_gid)


@dataclass
class Postfix:
    """A Postfix that takes any mail from this machine and delivers it to Maildirs, elsewhere, or back as a bounce.

    `boxes` are addresses with a Maildir each; an unknown address at one of their domains is taken first and bounces
    afterwards, as a backup MX or a mail gateway does it. `routes` are domains that go to another server, by
    port, which may refuse. A mailbox takes `name+anything@domain` too.
    """

    folder: Path
    port: int
    boxes: Mapping[str, Path]
    routes: Mapping[str, int] = field(default_factory=dict)

    @property
    def log(self) -> str:
        file = self.folder / "log" / "mail.log"
        return file.read_text() if file.exists() else ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")

    def is_idle(self) -> bool:
        """Tell whether nothing is on its way any more."""
        queues = ("maildrop", "incoming", "active", "deferred", "hold")
        return not any(each.is_file() for name in queues for each in (self.folder / "queue" / name).rglob("*"))

    def mails_to(self, address: str) -> list[mailbox.MaildirMessage]:
        """Return what was delivered to an address, oldest first."""
        box = mailbox.Maildir(self.boxes[address], create=False)
        return [box[key] for key in sorted(box.keys())]

    def wait_until_idle(self) -> None:
        wait_for(self.is_idle)

    def start(self) -> None:
        done = self.run("postfix", "-c", str(self.folder / "etc"), "start")
        assert done.returncode == 0, done.stderr + self.log
        wait_for(lambda: _listens(self.port))

    def stop(self) -> None:
        self.run("postfix", "-c", str(self.folder / "etc"), "stop")


@contextmanager
def running_postfix(
    boxes: Sequence[str], routes: Mapping[str, int] | None = None, *, settings: Mapping[str, str] | None = None
) -> Iterator[Postfix]:
    """Run a Postfix with a Maildir for each of `boxes`; `settings` are more lines of main.cf."""
    folder = Path(tempfile.mkdtemp(prefix="outreach-postfix-"))
    folder.chmod(0o755)  # its parts run as users of their own
    for name in ("etc", "queue", "data", "log", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix", "postfix")
    mail = folder / "mail"
    paths = {address: make_maildir(mail / address) for address in boxes}
    give(mail)
    postfix = Postfix(folder, free_port(), paths, dict(routes or {}))
    _write_postfix(postfix, settings or {})
    try:
        postfix.start()
        yield postfix
    finally:
        postfix.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _write_postfix(postfix: Postfix, more: Mapping[str, str]) -> None:
    owner = pwd.getpwnam(OWNER)
    etc, folder = postfix.folder / "etc", postfix.folder
    domains = sorted({address.rpartition("@")[2] for address in postfix.boxes})
    maps = {
        "boxes": [f"{address} {address}/" for address in postfix.boxes],
        "routes": [f"{domain} smtp:[127.0.0.1]:{port}" for domain, port in postfix.routes.items()],
    }
    for name, lines in maps.items():
        (etc / name).write_text("".join(f"{line}\n" for line in lines))
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "queue",
        "data_directory": folder / "data",
        "maillog_file": folder / "log" / "mail.log",
        "maillog_file_prefixes": folder,
        "multi_instance_name": "postfix-test",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "myhostname": "relay.test",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_reject_unlisted_recipient": "no",
        "smtputf8_enable": "yes",
        "recipient_delimiter": "+",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "virtual_mailbox_domains": " ".join(domains),
        "virtual_mailbox_base": folder / "mail",
        "virtual_mailbox_maps": f"texthash:{etc / 'boxes'}",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "virtual_minimum_uid": "1",
        "transport_maps": f"texthash:{etc / 'routes'}",
        # Whatever has neither a mailbox nor a route comes back: no test may mail the world.
        "default_transport": "error:5.1.2 no such domain in this test",
        "relay_transport": "error:5.1.2 no such domain in this test",
        "smtp_tls_security_level": "none",
        "notify_classes": "",
        "minimal_backoff_time": "1s",
        "queue_run_delay": "1s",
        "in_flow_delay": "0",
        "smtp_destination_concurrency_limit": "20",
        **more,
    }
    (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (etc / "master.cf").write_text(_master(postfix.port))


def _master(port: int) -> str:
    """Return the services that are needed; none in a chroot, which would want files of the system's copied."""
    services = [
        f"127.0.0.1:{port} inet n - n - - smtpd",
        "pickup unix n - n 60 1 pickup",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "trace unix - - n - 0 bounce",
        "verify unix - - n - 1 verify",
        "flush unix n - n 1000? 0 flush",
        "proxymap unix - - n - - proxymap",
        "smtp unix - - n - - smtp",
        "error unix - - n - - error",
        "retry unix - - n - - error",
        "discard unix - - n - - discard",
        "virtual unix - n n - - virtual",
        "anvil unix - - n - 1 anvil",
        "scache unix - - n - 1 scache",
        "showq unix n - n - - showq",
        "postlog unix-dgram n - n - 1 postlogd",
    ]
    return "".join(f"{service}\n" for service in services)


@dataclass
class Dovecot:
    """A Dovecot that shows Maildirs over IMAP with TLS; every user has the same password."""

    folder: Path
    port: int
    ca_file: Path
    users: Mapping[str, Path]
    password: str = PASSWORD


@contextmanager
def running_dovecot(users: Mapping[str, Path], *, chain: Path, key: Path, ca_file: Path) -> Iterator[Dovecot]:
    """Run a Dovecot for users with a Maildir each; `chain` and `key` are its certificate for 127.0.0.1."""
    folder = Path(tempfile.mkdtemp(prefix="outreach-dovecot-"))
    folder.chmod(0o755)
    dovecot = Dovecot(folder, free_port(), ca_file, users)
    (folder / "dovecot.conf").write_text(_dovecot_conf(dovecot, chain, key))
    owner = pwd.getpwnam(OWNER)
    lines = [
        f"{user}:{{PLAIN}}{PASSWORD}:{owner.pw_uid}:{owner.pw_gid}::{folder}::userdb_mail=maildir:{path}"
        for user, path in users.items()
    ]
    (folder / "users").write_text("\n".join(lines) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")], stdout=log, stderr=log, cwd="/"
        )
        try:
            wait_for(lambda: _listens(dovecot.port) or process.poll() is not None)
            assert process.poll() is None, (folder / "log").read_text()
            yield dovecot
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _dovecot_conf(dovecot: Dovecot, chain: Path, key: Path) -> str:
    owner = pwd.getpwnam(OWNER)
    return f"""\
base_dir = {dovecot.folder}/run
state_dir = {dovecot.folder}/state
log_path = {dovecot.folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{chain}
ssl_key = <{key}
disable_plaintext_auth = yes
first_valid_uid = {min(owner.pw_uid, 1)}
first_valid_gid = 0
mail_fsync = never
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {dovecot.port}
    ssl = yes
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dovecot.folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dovecot.folder}/users
}}
"""
