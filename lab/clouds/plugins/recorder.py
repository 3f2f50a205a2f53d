"""What the program registered: one JSON line a Check call in the file that `LAB_RECORD` names."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from lab.clouds.plugins.values import Values, redacted

# Several plugins may share one process and one file.
_LOCK = threading.Lock()


class Recorder:
    """Appends `{"type", "name", "inputs"}` as given by the program, secrets and unknowns replaced."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._file = environment.get("LAB_RECORD")

    def record(self, type_token: str, name: str, inputs: Values) -> None:
        if self._file is None:
            return
        line = json.dumps({"type": type_token, "name": name, "inputs": redacted(inputs)}, sort_keys=True)
        with _LOCK, Path(self._file).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
