"""Pre-shared keys from Parameter Store: into ipsec.secrets, and a rotated one into its tunnel.

Asks for ever, and says why on the console when it is refused: a new role is unknown to AWS for its first minutes.
`pre-shared-keys.service` runs it. Needs boto3.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from keeper import libreswan, report, settings
from keeper.settings import Host

SECRETS = Path("/etc/ipsec.d/oci-ipsec.secrets")
PERIOD = 15.0
"""Seconds between two looks."""
LONGEST_WAIT = 30.0
# Libreswan is not kept from starting for longer: what can be had comes later by itself.
FIRST_SECONDS = 20.0

_LINE = re.compile(r'^\S+ (\S+) : PSK "([^"]*)"$', re.MULTILINE)


def secrets(host: Host, keys: Mapping[str, str]) -> str:
    """ipsec.secrets(5) of the tunnels whose key is known, by conn."""
    return "".join(
        f'{host.public_address} {tunnel.headend} : PSK "{keys[tunnel.conn]}"\n'
        for tunnel in host.tunnels
        if tunnel.conn in keys
    )


def known(host: Host, text: str) -> dict[str, str]:
    """The keys that a file of secrets holds, by conn."""
    by_headend = dict(_LINE.findall(text))
    return {tunnel.conn: by_headend[tunnel.headend] for tunnel in host.tunnels if tunnel.headend in by_headend}


def next_to_renew(waiting: list[str], up: Collection[str]) -> str | None:
    """
    The conn that may be brought up with its new key now: one without a child SA first, for it has nothing to lose;
    else one of several only while another one is up, so that never all are down at once.
    """
    down = [conn for conn in waiting if conn not in up]
    if down:
        return down[0]
    return waiting[0] if waiting and len(up) > 1 else None


class Keys:
    def __init__(self, host: Host, parameters: Any) -> None:
        self._host, self._parameters = host, parameters
        self._keys = known(host, SECRETS.read_text() if SECRETS.exists() else "")
        self._versions: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        # A restart of this program, not of the host, may come between a new key and its tunnel.
        self._waiting: list[str] = report.read(report.KEYS).get("waiting", [])

    @property
    def complete(self) -> bool:
        return len(self._keys) == len(self._host.tunnels)

    @property
    def refused(self) -> bool:
        return bool(self._faults)

    def look(self) -> None:
        """Asks for every key; a new one is written at once, and its tunnel waits for its turn."""
        for tunnel in self._host.tunnels:
            try:
                found = self._parameters.get_parameter(Name=tunnel.parameter, WithDecryption=True)["Parameter"]
            # Whatever boto3 raises: nothing may end this program.
            except Exception as refused:
                if str(refused) != self._faults.get(tunnel.conn):
                    report.say(f"step pre-shared keys: {tunnel.parameter}: {refused}; trying again")
                self._faults[tunnel.conn] = str(refused)
                continue
            if self._faults.pop(tunnel.conn, None):
                report.say(f"step pre-shared keys: {tunnel.parameter}: ok")
            self._versions[tunnel.conn] = found["Version"]
            if found["Value"] != self._keys.get(tunnel.conn):
                self._keys[tunnel.conn] = found["Value"]
                # Before it runs, nothing has to be brought to Libreswan: it reads the keys at its start.
                if libreswan.CONTROL.exists():
                    self._waiting = [*(conn for conn in self._waiting if conn != tunnel.conn), tunnel.conn]
                    # Before the key is known: whatever ends this program, its tunnel still waits.
                    self._report()
                self._write()
                report.say(f"{tunnel.conn}: pre-shared key, version {found['Version']}")
        self._report()

    def renew(self) -> None:
        """Brings one tunnel up with its new key, if it is its turn."""
        if not self._waiting:
            return
        said = libreswan.whack("--trafficstatus")
        if said is None:
            return
        tunnels = {tunnel.conn: tunnel for tunnel in self._host.tunnels}
        conn = next_to_renew(self._waiting, tunnels.keys() & libreswan.children(said).keys())
        if conn is not None:
            self._waiting.remove(conn)
            self._report()
            libreswan.initiate(tunnels[conn])
            report.say(f"{conn}: brought up with its new key")

    def _report(self) -> None:
        report.write(report.KEYS, {"versions": self._versions, "faults": self._faults, "waiting": self._waiting})

    def _write(self) -> None:
        """Never readable by others, and never half written."""
        new = SECRETS.with_name(f"{SECRETS.name}.new")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets(self._host, self._keys))
        new.replace(SECRETS)
        # Libreswan reads them at its start, and when it is told.
        libreswan.whack("--rereadsecrets")


def main() -> None:
    # Not at the top: the rest of this file is for who has no boto3 too.
    import boto3
    from botocore.config import Config

    host = settings.load()
    # The loop below is the retry.
    patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    keys = Keys(host, boto3.client("ssm", region_name=host.region, config=patience))
    started, wait, ready, said = time.monotonic(), 2.0, False, False
    while True:
        keys.look()
        if not said and not keys.refused:
            report.say("step pre-shared keys: ok")
            said = True
        if not ready and (keys.complete or time.monotonic() - started >= FIRST_SECONDS):
            report.tell_systemd("READY=1")
            ready = True
        report.tell_systemd("WATCHDOG=1")
        wait = min(2 * wait, LONGEST_WAIT) if keys.refused else PERIOD
        until = time.monotonic() + wait
        while time.monotonic() < until:
            keys.renew()
            time.sleep(1.0)


if __name__ == "__main__":
    main()
