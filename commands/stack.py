"""A stack's settings outside an engine's run: as `pulumi config` tells them, read as the program reads them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.invocation import BLANK, SHORTEST_SECRET, CommandError, Invocation, SignInSettings
from components import configuration
from components.labels import Tags

# In the current folder, which is the project's, as for `pulumi` itself.
PROJECT_FILE = Path("Pulumi.yaml")


@dataclass(frozen=True)
class Stack:
    """One stack of the project, as it is configured."""

    project: str
    name: str
    environment: Mapping[str, str] = field(repr=False)
    """What the engine would hand to the program: PULUMI_CONFIG and PULUMI_CONFIG_SECRET_KEYS."""

    def values(self, namespace: str) -> tuple[dict[str, str], frozenset[str]]:
        """The values under a namespace, and which of their keys are secret."""
        return configuration.read(namespace, self.environment)

    @property
    def sign_in(self) -> SignInSettings:
        """The oci:* and aws:* configuration, as the program hands it to its commands. Raises CommandError."""
        return SignInSettings.parse(json.dumps({cloud: self.values(cloud)[0] for cloud in ("aws", "oci")}))

    @property
    def secrets(self) -> list[str]:
        """The values of all keys that are secret, whatever they are about, the longest first."""
        values: dict[str, str] = json.loads(self.environment["PULUMI_CONFIG"])
        secret = [values[key] for key in json.loads(self.environment["PULUMI_CONFIG_SECRET_KEYS"])]
        return sorted((value for value in secret if len(value) >= SHORTEST_SECRET), key=len, reverse=True)

    def masked(self, text: str) -> str:
        """The text with all secrets of the stack blanked out."""
        for secret in self.secrets:
            text = text.replace(secret, BLANK)
        return self.sign_in.masked(text)

    @property
    def tags(self) -> Tags:
        """By which what the stack has made is known."""
        return Tags(project=self.project, stack=self.name, given={})


def read_stack(invocation: Invocation) -> Stack:
    """
    The stack that STACK names, or the selected one.

    Its secrets are read too, as `pulumi up` would: they may be what signs in. They stay in this process.
    Raises CommandError: no `pulumi`, no such stack, no passphrase.
    """
    name = invocation.environment.get("STACK", "").strip() or pulumi(invocation, "stack", "--show-name").strip()
    text = pulumi(invocation, "config", "--json", "--show-secrets", "--stack", name)
    try:
        listed: dict[str, dict[str, Any]] = json.loads(text)
        values = {key: str(entry.get("value", "")) for key, entry in listed.items()}
        secret = [key for key, entry in listed.items() if entry.get("secret")]
    except (ValueError, AttributeError):
        # Without the text: there may be secrets in it.
        raise CommandError("`pulumi config --json` gave something else than an object of values") from None
    return Stack(
        project=project_name(PROJECT_FILE.read_text()),
        name=name,
        environment={
            "PULUMI_CONFIG": json.dumps(values),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret),
        },
    )


def read_outputs(invocation: Invocation, stack: Stack) -> dict[str, Any]:
    """The stack's outputs, secret ones hidden; empty before the first `up`. Raises CommandError."""
    text = pulumi(invocation, "stack", "output", "--json", "--stack", stack.name)
    try:
        outputs: dict[str, Any] = json.loads(text)
    except ValueError:
        raise CommandError("`pulumi stack output --json` gave something else than an object") from None
    return outputs


def read_history(invocation: Invocation, stack: Stack) -> list[dict[str, Any]]:
    """The stack's last updates, the newest first. Raises CommandError."""
    text = pulumi(invocation, "stack", "history", "--json", "--page-size", "10", "--stack", stack.name)
    try:
        updates: list[dict[str, Any]] = json.loads(text)
    except ValueError:
        raise CommandError("`pulumi stack history --json` gave something else than a list") from None
    return updates


def project_name(text: str) -> str:
    """The project's name, from the text of Pulumi.yaml."""
    [name] = re.findall(r"^name: *(\S+)", text, re.MULTILINE)
    return str(name)


def pulumi(invocation: Invocation, *arguments: str) -> str:
    """What a `pulumi` command says that changes nothing. Raises CommandError with its own words."""
    command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
    asked = f"`pulumi {' '.join(arguments)}`"
    environment, nothing = dict(invocation.environment), subprocess.DEVNULL
    try:
        done = subprocess.run(command, env=environment, stdin=nothing, capture_output=True, text=True, check=False)
    except OSError as failure:
        raise CommandError(f"{asked} cannot be run: {failure.strerror}") from None
    if done.returncode != 0:
        raise CommandError(f"{asked} failed: {' '.join(done.stderr.split())}")
    return done.stdout
