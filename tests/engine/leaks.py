"""Looking for secrets in what the engine writes: as they are, in base64, and in compressed user-data."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

# User-data is thousands of characters long; what is shorter is an identifier or a word.
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
_GZIP = b"\x1f\x8b"


def found_in(content: bytes, secrets: Iterable[str]) -> list[str]:
    """Which of the secrets are in the content, in one of the forms that anybody can undo."""
    readings = [content, *_decoded(content)]
    return [
        secret for secret in secrets if any(form in reading for reading in readings for form in _forms(secret.encode()))
    ]


def found_below(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The files of a folder that hold a secret, and which: state, backups, history, logs, events, records."""
    wanted = list(secrets)
    found = {
        str(path.relative_to(folder)): found_in(path.read_bytes(), wanted)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return {path: leaked for path, leaked in sorted(found.items()) if leaked}


def _forms(secret: bytes) -> Iterator[bytes]:
    """The secret, and base64 of it wherever it begins in a longer text (without the characters it shares)."""
    yield secret
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret)
        yield encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]


def _decoded(content: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(content):
        text = match[0].rstrip(b"=")
        plain = base64.b64decode(text[: len(text) // 4 * 4])
        if plain.startswith(_GZIP):
            # The end may be cut off where a line of a log is.
            yield zlib.decompressobj(wbits=31).decompress(plain)
        yield plain


def compressed(text: str) -> str:
    """As user-data travels."""
    return base64.b64encode(gzip.compress(text.encode())).decode()
