"""When somebody is to be told of a face, and not told again too soon."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detector.video.results.events import CLOSED, OPENED, STATE, ZONE_ENTERED, Event, event_to_dict

Send = Callable[[Mapping[str, Any]], object]
"""Takes an alert's facts and never waits."""


@dataclass
class _Cool:
    """Of one source, zone and state: when the last alert was, and how many were held back."""

    time: float
    held_back: int = 0


@dataclass
class Alerts:
    """Passes a face on when it gets into a wanted state or brings it into a zone.

    In a source with zones only faces inside one count, else those in the whole picture. After an
    alert, further ones of the same source, zone and state are held back for `cool_down` seconds
    of the source's own time; the next one says how many those were.

    Attributes:
        states: that are wanted.
        cool_down: seconds.
        send: where alerts go.
        has_zones: whether a source has zones.
    """

    states: Collection[str]
    cool_down: float
    send: tuple[Send, ...]
    has_zones: Callable[[str], bool]
    _cool: dict[tuple[str, str | None, str], _Cool] = field(default_factory=dict)
    _told: dict[tuple[str, int], set[tuple[str | None, str]]] = field(default_factory=dict)

    def update(self, events: Iterable[Event]) -> list[dict[str, Any]]:
        """Take what happened with a frame; returns the alerts that were sent."""
        return [alert for event in events for alert in self._of_event(event)]

    def _of_event(self, event: Event) -> list[dict[str, Any]]:
        if event.track is None or event.state is None:
            return []
        key = event.source, event.track
        if event.kind == CLOSED:
            self._told.pop(key, None)
            return []
        if event.kind not in (OPENED, STATE, ZONE_ENTERED) or event.state not in self.states:
            return []
        told = self._told.setdefault(key, set())
        alerts = []
        for zone in event.zones if self.has_zones(event.source) else (None,):
            # A face that enters a zone in its first frame comes with two events.
            if (zone, event.state) not in told:
                told.add((zone, event.state))
                alerts += self._raise(event, zone)
        return alerts

    def _raise(self, event: Event, zone: str | None) -> list[dict[str, Any]]:
        """Send, unless it is too soon; one alert or none."""
        place = event.source, zone, event.state or ""
        cool = self._cool.get(place)
        if cool and event.time - cool.time < self.cool_down:
            cool.held_back += 1
            return []
        self._cool[place] = _Cool(event.time)
        alert = alert_facts(event, zone, cool.held_back if cool else 0)
        for send in self.send:
            send(alert)
        return [alert]


def alert_facts(event: Event, zone: str | None, held_back: int) -> dict[str, Any]:
    """What an alert says, for JSON; the fields are those of events but for the first three.

    `held_back` counts alerts of the same source, zone and state since the last one sent.
    """
    facts = event_to_dict(event)
    for name in ("event", "place", "direction"):
        facts.pop(name, None)
    return {"alert": event.state, "zone": zone, "held_back": held_back, **facts}
