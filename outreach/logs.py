"""What a process writes about itself: lines of text or of JSON, without addresses unless the settings allow them.

Addresses are masked in the finished line, so it doesn't matter whether they stood in the text, a value, an exception
or its traceback. More about an event is given in `extra`: `log.info("sent", extra={"delivery": 5})`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from outreach.settings import LogSettings

_MASKED = "…@…"
# Whatever stands around an @, quoted and percent-encoded ones too; also the password in a database's address.
_ADDRESS = re.compile(r"(?:\"[^\"\n]{1,64}\"|[^\s<>\"'(),;:=\[\]{}|]+)(?:@|%40)[^\s<>\"'(),;:=\[\]{}|]+")
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def masked(text: str) -> str:
    """Return a text without anything that looks like an e-mail address."""
    return _ADDRESS.sub(_MASKED, text) if "@" in text or "%40" in text else text


class Lines(logging.Formatter):
    """Formats a record as text, and masks it."""

    def __init__(self, *, addresses: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._shown = (lambda text: text) if addresses else masked

    def format(self, record: logging.LogRecord) -> str:
        # The parent keeps the traceback's text on the record, for other handlers too: theirs isn't masked by us.
        line, *trace = super().format(record).split("\n")
        more = "".join(f" {name}={value}" for name, value in _more(record).items())
        return self._shown("\n".join([line + more, *trace]))


class JsonLines(Lines):
    """Formats a record as one JSON object: time, level, logger, message, what `extra` gave, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_more(record),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: self._clean(value) for name, value in told.items()}, ensure_ascii=False)

    def _clean(self, value: Any) -> Any:
        return value if isinstance(value, int | float | None) else self._shown(str(value))


def _more(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL and not name.startswith("_")}


def set_up(settings: LogSettings, *, form: str | None = None, quiet: bool = False) -> None:
    """Write what all loggers say to standard error; `form` overrules the settings, `quiet` leaves out `info`."""
    handler = logging.StreamHandler()
    kind = JsonLines if (form or settings.format) == "json" else Lines
    handler.setFormatter(kind(addresses=settings.addresses))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    level = "warning" if quiet and settings.level == "info" else settings.level
    logging.getLogger("outreach").setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _ended
    threading.excepthook = _thread_ended


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ended the process, so that its traceback is masked too."""
    logging.getLogger("outreach").critical("ended by a defect", exc_info=(kind, error, trace))


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        told = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger("outreach").error("a thread ended by a defect", exc_info=told)
