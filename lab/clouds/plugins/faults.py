"""Failures and delays on order: the file that `LAB_FAULTS` names, read at every call."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lab.clouds.plugins.table import ProviderError

_KEYS = frozenset({"type", "operation", "delay", "error", "times", "name"})


class Faults:
    """Applies the ordered faults. `times` counts within this object's life, entry by entry."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._file = environment.get("LAB_FAULTS")
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def apply(self, type_token: str, operation: str, name: str, cancelled: threading.Event) -> None:
        """Waits out every delay that is due, then raises ProviderError for the first error that is due."""
        due = [fault for fault in self._ordered() if self._take(fault, type_token, operation, name)]
        cancelled.wait(sum(float(fault.get("delay") or 0) for fault in due))
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
