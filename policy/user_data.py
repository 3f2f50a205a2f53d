"""Secrets in user-data, which everybody who may describe the instance can read, and every process on it."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Iterator

from policy.subject import Resource

INSTANCE = "aws:ec2/instance:Instance"

_GZIP = b"\x1f\x8b"

# A line of ipsec.secrets(5). In a program that writes such lines stands a placeholder or a pattern instead of a key,
# which the brackets tell.
_PRE_SHARED_KEY = re.compile(r""":\s*PSK\s+(?:(["'])[^"'\n(){}\[\]]+\1|0[xs][\w+/=]+)""")
# RFC 7468.
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")


def faults(resource: Resource, *, allow_pre_shared_keys: bool) -> Iterator[str]:
    """
    No pre-shared key and no private key. `allow_pre_shared_keys` accepts the former, where the team accepts what
    preSharedKeyDelivery userData means. That the stack says so is no excuse: it is the only way to get one there.
    """
    if resource.type != INSTANCE:
        return
    for key in ("userData", "userDataBase64"):
        given = resource.read(key)
        if given is None:
            continue
        text = _text(str(given), encoded=key == "userDataBase64")
        if text is None:
            yield f"{key} cannot be read: write text, or text in gzip and base64"
            continue
        if not allow_pre_shared_keys and _PRE_SHARED_KEY.search(text):
            yield (
                f"{key} holds a pre-shared key: set preSharedKeyDelivery to parameterStore, "
                "and change a key that has been there"
            )
        if _PRIVATE_KEY.search(text):
            yield f"{key} holds a private key: let the host fetch it when it boots"


def _text(given: str, *, encoded: bool) -> str | None:
    try:
        content = base64.b64decode(given, validate=True) if encoded else given.encode()
        return (gzip.decompress(content) if content.startswith(_GZIP) else content).decode()
    except (binascii.Error, OSError, EOFError, zlib.error, UnicodeDecodeError):
        return None
