"""What a command is told (environment, secret JSON on stdin) and what it may touch (output, clock)."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Keys of the stack's oci:* and aws:* configuration whose values never reach an output.
SECRET_KEYS = frozenset(
    {"privateKey", "privateKeyPassword", "tokenExchangeClientSecret", "accessKey", "secretKey", "token"}
)
# Shorter values are not blanked out of texts: a one-letter password would blank every word.
SHORTEST_SECRET = 4
BLANK = "[secret]"


class CommandError(Exception):
    """A failure told to the user as it is, without a traceback. Never holds a secret."""


@dataclass(frozen=True)
class SignInSettings:
    """The stack's oci:* and aws:* configuration, keys in camelCase without the prefix."""

    oci: Mapping[str, str] = field(default_factory=dict, repr=False)
    aws: Mapping[str, object] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> SignInSettings:
        """
        Settings from stdin: nothing, or `{"oci": {…}, "aws": {…}}`.

        Raises CommandError that says what is wrong with the form, and quotes nothing of a secret text.
        """
        if not text.strip():
            return cls()
        try:
            given = json.loads(text)
        except ValueError:
            raise CommandError("stdin is refused: it must be empty or a JSON object") from None
        if not isinstance(given, dict) or not all(isinstance(value, dict) for value in given.values()):
            raise CommandError('stdin is refused: it must be a JSON object {"oci": {…}, "aws": {…}}')
        unknown = sorted(set(given) - {"oci", "aws"})
        if unknown:
            raise CommandError(f"stdin is refused: only the keys oci and aws are known, not {', '.join(unknown)}")
        return cls(
            oci={key: _as_text(value) for key, value in given.get("oci", {}).items() if value is not None},
            aws={key: value for key, value in given.get("aws", {}).items() if value is not None},
        )

    def masked(self, text: str) -> str:
        """The text with every secret of these settings blanked out, a key's single lines too."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, BLANK)
        return text

    def _secrets(self) -> set[str]:
        values = [
            str(value) for settings in (self.oci, self.aws) for key, value in settings.items() if key in SECRET_KEYS
        ]
        pieces = {piece for value in values for piece in (value, *re.split(r"\n|\\n", value))}
        # A PEM frame is no secret, and blanking it would say nothing.
        return {piece for piece in pieces if len(piece) >= SHORTEST_SECRET and not piece.startswith("-----")} | {
            value for value in values if value.startswith("-----")
        }


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One run of a command. Everything outside it is here, so that a test can put its own in place."""

    environment: Mapping[str, str]
    settings: SignInSettings
    tell: Callable[[str], None]
    """Progress and warnings, one line a call: stderr."""
    answer: Callable[[str], None]
    """The command's result: stdout."""
    clock: Callable[[], float]
    """Seconds from any fixed point, never going back."""
    sleep: Callable[[float], None]

    def text(self, name: str) -> str:
        """The parameter. Raises CommandError if it is missing or empty."""
        value = self.environment.get(name, "").strip()
        if not value:
            raise CommandError(f"{name} is missing: the command needs it in its environment")
        return value

    def seconds(self, name: str) -> float:
        """A positive number of seconds."""
        value = self.text(name)
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise CommandError(f"{name}: {value!r} is refused: it must be a positive number of seconds")
        return seconds

    def items(self, name: str) -> tuple[str, ...]:
        """A comma separated list; missing or empty is an empty list."""
        return tuple(item.strip() for item in self.environment.get(name, "").split(",") if item.strip())

    def networks(self, name: str) -> tuple[ipaddress.IPv4Network, ...]:
        """A comma separated list of at least one IPv4 CIDR."""
        self.text(name)
        found = []
        for item in self.items(name):
            try:
                found.append(ipaddress.IPv4Network(item))
            except ValueError:
                raise CommandError(f"{name}: {item!r} is refused: it must be an IPv4 CIDR without host bits") from None
        return tuple(found)

    def flag(self, name: str) -> bool:
        """True for `true`; false for `false`, missing or empty."""
        value = self.environment.get(name, "").strip().lower()
        if value not in ("", "true", "false"):
            raise CommandError(f"{name}: {value!r} is refused: it must be true or false")
        return value == "true"
