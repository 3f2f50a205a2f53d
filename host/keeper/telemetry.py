"""What the keeper says, and what each tunnel carries, to a log group of CloudWatch: once a minute.

Metrics are lines of the log in the embedded metric format, so that one call and one right do for both.
`tunnel-telemetry.service` runs it, where the stack asks for it; the tunnels need nothing of it. Needs boto3.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper import report, settings
from keeper.settings import Host
from keeper.status import STALE, devices

NAMESPACE = "aws-oci-libreswan"
UNITS = ("tunnel-keeper.service", "pre-shared-keys.service")
CURSOR = Path("/var/lib/tunnel-telemetry/cursor")
# Cloud-init has it from the metadata service.
INSTANCE = Path("/var/lib/cloud/data/instance-id")

SAMPLE = 5.0
"""Seconds between two looks at the tunnels."""
PERIOD = 60.0
# A call takes 10,000 lines and a megabyte, of no more than a day.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MOST_LINES = 1000
OLDEST = 23 * 3600.0
# So many minutes of metrics wait for a CloudWatch that is away.
MOST_MINUTES = 60

Event = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One tunnel at one moment."""

    in_use: bool | None
    """None where the keeper has said nothing of late."""
    received: int | None
    """Bytes, as the device counts them; None where it is not there."""
    sent: int | None


def sample(
    host: Host, status: Mapping[str, Any], counters: Mapping[str, Mapping[str, int]], now: float
) -> list[Sample]:
    """A sample of each tunnel from what the keeper has written and what /sys has."""
    fresh = now - status.get("at", 0.0) <= STALE
    return [
        Sample(
            in_use=bool(status["tunnels"][tunnel.conn]["inUse"]) if fresh else None,
            received=counters.get(tunnel.device, {}).get("rx_bytes"),
            sent=counters.get(tunnel.device, {}).get("tx_bytes"),
        )
        for tunnel in host.tunnels
    ]


def growth(counts: Sequence[int | None]) -> int:
    """What a counter has grown by; one that was missing, or is smaller than before, has begun anew at nought."""
    total, before = 0, counts[0]
    for count in counts[1:]:
        if count is not None:
            total += count - before if before is not None and count >= before else count
        before = count
    return total


def metrics(stack: str, conn: str, samples: Sequence[Sample], now: float) -> Event:
    """The log line that CloudWatch takes for metrics of one tunnel; the first sample is the last one of before."""
    values: dict[str, Any] = {
        "BytesIn": growth([one.received for one in samples]),
        "BytesOut": growth([one.sent for one in samples]),
    }
    in_use = [int(one.in_use) for one in samples[1:] if one.in_use is not None]
    units = {"BytesIn": "Bytes", "BytesOut": "Bytes"}
    # Nothing is said where nothing is known: an alarm may take missing data for bad.
    if in_use:
        values["InUse"], units["InUse"] = in_use, "None"
    described = {
        "Namespace": NAMESPACE,
        "Dimensions": [["Stack", "Tunnel"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    at = int(now * 1000)
    about = {"Timestamp": at, "CloudWatchMetrics": [described]}
    return {"timestamp": at, "message": json.dumps({"_aws": about, "Stack": stack, "Tunnel": conn, **values})}


def lines(journal: str) -> tuple[list[Event], str]:
    """Log lines from `journalctl --output json`, and the cursor of the last one; "" where there is none."""
    entries = [json.loads(line) for line in journal.splitlines()]
    found = [
        {
            "timestamp": int(entry["__REALTIME_TIMESTAMP"]) // 1000,
            "message": f"{entry.get('SYSLOG_IDENTIFIER')}: {entry['MESSAGE']}",
        }
        for entry in entries
        if entry.get("MESSAGE")
    ]
    return found, str(entries[-1]["__CURSOR"]) if entries else ""


def batch(events: Sequence[Event], now: float) -> list[Event]:
    """What CloudWatch takes in one call: nothing of yesterday, and in the order of time."""
    return sorted(
        (one for one in events if one["timestamp"] > (now - OLDEST) * 1000), key=lambda one: int(one["timestamp"])
    )


class Telemetry:
    def __init__(self, host: Host, group: str, stream: str, logs: Any) -> None:
        self._host, self._group, self._stream, self._logs = host, group, stream, logs
        self._stack = group.split("/", 2)[2]
        self._samples = [self._sample()]
        self._waiting: list[Event] = []
        self._fault = ""

    def look(self) -> None:
        self._samples.append(self._sample())

    def send(self) -> None:
        """The last minute, and what could not be sent before."""
        now = time.time()
        for number, tunnel in enumerate(self._host.tunnels):
            self._waiting.append(metrics(self._stack, tunnel.conn, [one[number] for one in self._samples], now))
        self._waiting = self._waiting[-MOST_MINUTES * len(self._host.tunnels) :]
        self._samples = self._samples[-1:]
        said, cursor = lines(journal())
        try:
            self._put(batch([*said, *self._waiting], now))
        # Whatever boto3 raises: nothing may end this program.
        except Exception as refused:
            if str(refused) != self._fault:
                print(f"CloudWatch: {refused}; trying again", flush=True)
            self._fault = str(refused)
            return
        self._fault, self._waiting = "", []
        if cursor:
            CURSOR.write_text(cursor)

    def _put(self, events: list[Event]) -> None:
        where = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            self._logs.put_log_events(**where, logEvents=events)
        except self._logs.exceptions.ResourceNotFoundException:
            self._logs.create_log_stream(**where)
            self._logs.put_log_events(**where, logEvents=events)

    def _sample(self) -> list[Sample]:
        return sample(self._host, report.read(report.STATUS), devices(self._host), time.time())


def journal() -> str:
    """The next lines of the journal, in JSON, after those that CloudWatch has."""
    after = f"--after-cursor={CURSOR.read_text()}" if CURSOR.exists() else "--since=-1h"
    units = [f"--unit={unit}" for unit in UNITS]
    command = ["journalctl", "--no-pager", "--output=json", "--quiet", after, *units]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout
        read = [line for _, line in zip(range(MOST_LINES), process.stdout)]
        process.kill()
    return "".join(read)


def main() -> None:
    # Not at the top: the rest of this file is for who has no boto3 too.
    import boto3
    from botocore.config import Config

    host = settings.load()
    assert host.log_group
    patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    logs = boto3.client("logs", region_name=host.region, config=patience)
    telemetry = Telemetry(host, host.log_group, INSTANCE.read_text().strip(), logs)
    report.tell_systemd("READY=1")
    due = time.monotonic() + PERIOD
    while True:
        time.sleep(SAMPLE)
        telemetry.look()
        if time.monotonic() >= due:
            due += PERIOD
            telemetry.send()
        report.tell_systemd("WATCHDOG=1")


if __name__ == "__main__":
    main()
