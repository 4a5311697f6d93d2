"""Threads that come with the same kind of work at the same time, and let one of them do it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from tenants.context import current_schema, release_connection

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Item, Result_co]):
    """What is done for one item or for several of one tenant, in its schema."""

    def __call__(self, items: Sequence[Item], *, alone: bool) -> Mapping[Item, Result_co]:
        """Return the results by item; an item that is left out is tried alone.

        Args:
            alone: nobody else waits for this item's round, so that it may wait for a row's lock.
        """
        ...


@dataclass(eq=False)
class _Place(Generic[Item, Result]):
    """One thread in the line; woken when it leads or when its item was worked on."""

    item: Item
    woken: threading.Event = field(default_factory=threading.Event)
    was_served: bool = False
    results: Mapping[Item, Result] = field(default_factory=dict)
    error: Exception | None = None


class Combiner(Generic[Item, Result]):
    """Does at once, for all threads of a tenant that wait, what each came to do (group commit).

    Who comes first begins at once with its own item and waits for no company. Who comes meanwhile
    waits in the tenant's line; then one of them works for all. Where that fails, or leaves an item
    out, the item's own thread tries it alone: one item can't harm the others.

    Args:
        work: is given items of one tenant; must not be inside a transaction of the caller.
        most: items of one round, which bounds how long the locks of a round are held.
        linger_s: how long who leads waits for more company where there is some, in seconds; for
            what nobody waits for. A rush is then written in fewer rounds, which cost the most.
    """

    def __init__(self, work: Work[Item, Result], *, most: int, linger_s: float = 0.0) -> None:
        self._work, self._most, self._linger_s = work, most, linger_s
        self._lock = threading.Lock()
        self._joined = threading.Condition(self._lock)
        # Those who wait, by schema; a schema is here as long as somebody works for it.
        self._lines: dict[str, deque[_Place[Item, Result]]] = {}

    def do(self, item: Item) -> Result:
        """Return the result of one item; raises what its work raises.

        Raises:
            RuntimeError: the caller has a transaction open.
        """
        place: _Place[Item, Result] = _Place(item)
        schema = current_schema()
        # Who stands in the line holds no connection: with all of the pool's there, the one that
        # leads would get none, and all would wait until it gives up.
        release_connection()
        with self._lock:
            line = self._lines.get(schema)
            if line is None:
                self._lines[schema] = deque()
            else:
                line.append(place)
                self._joined.notify_all()
        if line is not None:
            place.woken.wait()
        if not place.was_served:
            self._lead(schema, place)
        if place.error is not None:
            raise place.error
        if item not in place.results:
            return self._work([item], alone=True)[item]
        return place.results[item]

    def _lead(self, schema: str, leader: _Place[Item, Result]) -> None:
        """Work for the leader and those who wait by now; the next of the line leads after it."""
        with self._lock:
            line = self._lines[schema]
            if self._linger_s and line:
                is_full = partial(self._is_full, line)
                self._joined.wait_for(is_full, timeout=self._linger_s)
            places = [leader, *(line.popleft() for _ in range(min(len(line), self._most - 1)))]
        results: Mapping[Item, Result] = {}
        try:
            results = self._work([place.item for place in places], alone=False)
        except Exception as error:
            if len(places) == 1:
                leader.error = error
            else:
                logger.warning("not done together", exc_info=True)
        finally:
            try:
                release_connection()  # before others are woken, who will need one
            finally:
                self._pass_on(schema)
                for place in places:
                    place.results, place.was_served = results, True
                    place.woken.set()

    def _is_full(self, line: deque[_Place[Item, Result]]) -> bool:
        return len(line) >= self._most - 1

    def _pass_on(self, schema: str) -> None:
        with self._lock:
            line = self._lines[schema]
            if line:
                line.popleft().woken.set()
            else:
                del self._lines[schema]
