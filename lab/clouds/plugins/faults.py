"""Failures and delays on order: the file that `LAB_FAULTS` names, read at every call."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lab.clouds.plugins.table import ProviderError

_KEYS = frozenset({"type", "operation", "delay", "error", "times", "name", "mark"})
# How long a delay goes on for an engine that has been killed.
_LOOK_SECONDS = 0.1


class Faults:
    """Applies the ordered faults. `times` counts within this object's life, entry by entry."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._file = environment.get("LAB_FAULTS")
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def apply(
        self,
        type_token: str,
        operation: str,
        name: str,
        cancelled: threading.Event,
        engine_lives: Callable[[], bool],
        made: str = "",
    ) -> None:
        """
        Marks each fault that is due, waits out every delay, then raises ProviderError for the first error.

        Operation `created` is the moment after a create: the cloud has made the resource with the id `made`, and the
        engine has not heard of it. A mark is a file that gets name and id as JSON, for a test to wait for.

        Raises it also where the engine has gone meanwhile: a call that was still on its way is then never made.
        """
        due = [fault for fault in self._ordered() if self._take(fault, type_token, operation, name)]
        for fault in due:
            if fault.get("mark"):
                Path(fault["mark"]).write_text(json.dumps({"name": name, "id": made}))
        until = time.monotonic() + sum(float(fault.get("delay") or 0) for fault in due)
        while (left := until - time.monotonic()) > 0 and not cancelled.wait(min(left, _LOOK_SECONDS)):
            if not engine_lives():
                raise ProviderError(f"the engine has gone: {operation} of {name or type_token} is not done")
        for fault in due:
            if fault.get("error"):
                raise ProviderError(fault["error"])

    def _ordered(self) -> list[dict[str, Any]]:
        if self._file is None or not Path(self._file).exists():
            return []
        ordered: list[dict[str, Any]] = json.loads(Path(self._file).read_text(encoding="utf-8"))
        for fault in ordered:
            if unknown := sorted(fault.keys() - _KEYS):
                raise ProviderError(f"LAB_FAULTS: {unknown[0]!r} is refused: a fault has only {sorted(_KEYS)}")
        return ordered

    def _take(self, fault: dict[str, Any], type_token: str, operation: str, name: str) -> bool:
        matches = (
            fault["type"] in ("*", type_token)
            and fault["operation"] == operation
            and fnmatchcase(name, fault.get("name") or "*")
        )
        if not matches:
            return False
        entry = json.dumps(fault, sort_keys=True)
        with self._lock:
            if fault.get("times") is not None and self._used[entry] >= fault["times"]:
                return False
            self._used[entry] += 1
        return True
