"""When campaigns are sent: hours of the Brussels clock, on working days or on every day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from outreach.belgium.calendar import BRUSSELS, is_working_day

# Easter and a weekend beside it are the longest stretch without a working day.
_DAYS_AHEAD = 14


@dataclass(frozen=True)
class Window:
    """Open from `opens` until before `closes`; both None = always open. Closing at 00:00 is the end of the day."""

    opens: time | None = None
    closes: time | None = None
    daily: bool = False

    def is_open(self, now: datetime) -> bool:
        if self.opens is None or self.closes is None:
            return True
        local = now.astimezone(BRUSSELS)
        inside = self.opens <= local.time() and (self.closes == time(0) or local.time() < self.closes)
        return inside and self._has(local.date())

    def opens_at(self, now: datetime) -> datetime:
        """Return `now` if it is open, else when it opens next."""
        if self.opens is None or self.is_open(now):
            return now
        today = now.astimezone(BRUSSELS).date()
        for days in range(_DAYS_AHEAD):
            day = today + timedelta(days=days)
            opening = datetime.combine(day, self.opens, tzinfo=BRUSSELS).astimezone(now.tzinfo)
            if opening > now and self._has(day):
                return opening
        raise AssertionError(f"no working day within {_DAYS_AHEAD} days")

    def _has(self, day: date) -> bool:
        return self.daily or is_working_day(day)


def parse_window(text: str, office_opens: time, office_closes: time) -> Window:
    """Return the window that a setting or campaign file names; its form was checked when it was read."""
    if text == "always":
        return Window()
    if text == "office":
        return Window(office_opens, office_closes)
    opens, _, closes = text.removeprefix("daily ").partition("-")
    return Window(time.fromisoformat(opens), time.fromisoformat(closes.replace("24:", "00:")), text.startswith("daily"))
