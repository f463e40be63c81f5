"""Make a value once, however many workers ask for it at the same time, and keep the latest ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Turn:
    """Whoever makes a value holds the lock; the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked_by: int = 0


class Once(Generic[K, V]):
    """Values by key; safe for many threads.

    Args:
        room: how much is kept, by `weigh`; those that were not asked for the longest go first.
        weigh: the weight of a value; each counts 1 by default.
    """

    def __init__(self, room: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._room = room
        self._weigh = weigh
        self._weight = 0
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._turns: dict[K, _Turn] = {}
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], tuple[V, bool]]) -> V:
        """The value of a key.

        Args:
            key: what is asked for.
            make: makes the value, and says whether it is one to keep. What it raises goes to its caller only: the next
                one who asks tries for himself.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            turn = self._turns.setdefault(key, _Turn())
            turn.asked_by += 1
        try:
            with turn.lock:
                return self._made(key, make)
        finally:
            with self._lock:
                turn.asked_by -= 1
                if not turn.asked_by:
                    self._turns.pop(key, None)

    def _made(self, key: K, make: Callable[[], tuple[V, bool]]) -> V:
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        value, keep = make()
        with self._lock:
            if keep:
                self._kept[key] = value
                self._weight += self._weigh(value)
            while self._weight > self._room:
                self._weight -= self._weigh(self._kept.popitem(last=False)[1])
        return value
