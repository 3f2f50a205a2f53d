"""What must not leave a job: secrets by their value, in every form that anybody can undo, and by their shape."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Shorter values are words too: a passphrase `lab` is in every second line.
SHORTEST = 8

# The engine's mark of a secret in an exported state (pulumi sdk/go/common/resource/sig).
_SIGNATURE = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
_SECRET_NAME = re.compile("SECRET|TOKEN|PASSWORD|PASSPHRASE|PRIVATE_KEY|ACCESS_KEY")
# Where a secret is, and who may use it, is none itself.
_NO_SECRET_NAME = re.compile("_(PATH|FILE|URL|URI|ID|TYPE|AUTH)$")
_SHAPES = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a line of ipsec.secrets": re.compile(r'\bPSK\s+\\?"[A-Za-z0-9]{32,64}\b'),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_\w{30,}|github_pat_\w{30,})"),
    "a Pulumi token": re.compile(r"\bpul-[0-9a-f]{40}\b"),
}


def found_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """What of the secrets (values by a name for them) is in the text, and what looks like one; never the value."""
    named = [
        name
        for name, value in secrets.items()
        if len(value) >= SHORTEST and any(form in text for form in _forms(value))
    ]
    return sorted({*named, *(shape for shape, pattern in _SHAPES.items() if pattern.search(text))})


def of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold a secret, by their names."""
    return {
        name: value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name)
    }


def of_config(config: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The secret keys of `pulumi config --json --show-secrets`."""
    return {name: str(entry.get("value", "")) for name, entry in config.items() if entry.get("secret")}


def of_state(state: Mapping[str, Any]) -> dict[str, str]:
    """The secrets of `pulumi stack export --show-secrets`, by resource and property."""
    found = {}
    for resource in (state.get("deployment") or {}).get("resources") or []:
        name = resource["urn"].rsplit("::", 1)[-1]
        for part in ("inputs", "outputs"):
            for path, value in _secrets(resource.get(part), part):
                found[f"{name} {path}"] = value
    return found


def _secrets(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.get(_SIGNATURE[0]) == _SIGNATURE[1]:
            yield from _texts(json.loads(value.get("plaintext") or "null"), path)
        else:
            for key, inner in value.items():
                yield from _secrets(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _secrets(inner, f"{path}[{place}]")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{place}]")


def _forms(secret: str) -> Iterator[str]:
    """As it is, in JSON, and base64 of it wherever it begins in a longer text (without the characters it shares)."""
    yield secret
    yield json.dumps(secret)[1:-1]
    raw = secret.encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
