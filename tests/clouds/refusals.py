"""What a gRPC client learns of a refusal besides its text."""

from __future__ import annotations

from typing import Any


def trailing_metadata(refusal: Any) -> list[tuple[str, bytes]]:
    """Key and value of each entry; the published types take an entry for no pair."""
    return [(key, value) for key, value in refusal.trailing_metadata()]
