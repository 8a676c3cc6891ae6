"""What each party took on a day: counted in PostgreSQL, in portions, and never beyond its quota.

A process reserves requests from a quota before it gives them out, so that one that dies has given out no more than is
written. What has no quota is written about once a second, for the record alone.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime
from threading import Lock

from hub.limits.parties import Party
from hub.limits.tab import Tab, Taken
from hub.waiting import aside

_Name = tuple[str, str]


class Days:
    """The tabs of this process, the one that was used longest ago first."""

    def __init__(self) -> None:
        self._tabs: OrderedDict[_Name, Tab] = OrderedDict()
        self._lock = Lock()

    def open(self, parties: Sequence[Party], moment: datetime) -> list[Tab]:
        """The tabs of these parties on this day, to be closed again; one that nobody used for long is settled."""
        self._settle_oldest()
        return [self._opened(party, moment.date()) for party in parties]

    def close(self, tabs: Sequence[Tab]) -> None:
        with self._lock:
            for tab in tabs:
                tab.users -= 1

    def taken(self, party: Party, moment: datetime) -> Taken:
        """What the party took on this day until now, all that this process knows of included."""
        tab = self._opened(party, moment.date())
        try:
            return tab.settle()
        finally:
            self.close([tab])

    def settle(self) -> None:
        """Write down all that is not written."""
        for tab in list(self._tabs.values()):
            tab.settle()

    def forget(self) -> None:
        """Drop all that is not written, where the database itself was exchanged for another."""
        with self._lock:
            self._tabs.clear()

    def _opened(self, party: Party, day: date) -> Tab:
        name = (party.agency, party.actor)
        with self._lock:
            tab = self._tabs.get(name)
            if tab is not None and tab.day == day:
                self._tabs.move_to_end(name)
            else:
                over, tab = tab, Tab(party.agency, party.actor, day)
                self._tabs[name] = tab
                if over is not None:  # yesterday's, kept until it is settled
                    self._tabs[(f"{party.agency} {over.day}", party.actor)] = over
            tab.use()
            return tab

    def _settle_oldest(self) -> None:
        """Settle the tab that was used longest ago, if it rests: one at a time, so that no request waits for many."""
        with self._lock:
            oldest = next(iter(self._tabs.items()), None)
            if oldest is None or not oldest[1].rests:
                return
            name, tab = oldest
            self._tabs.move_to_end(name)
            if tab.users:
                return
            tab.users += 1
        aside(tab.settle)
        with self._lock:
            tab.users -= 1
            if not tab.users and self._tabs.get(name) is tab:
                del self._tabs[name]
