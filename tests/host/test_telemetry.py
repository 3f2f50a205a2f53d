"""What is sent to a CloudWatch that the test plays: lines of the journal, metrics, and what happens when it is away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeper import report
from keeper import telemetry as subject
from keeper.telemetry import OLDEST, Event, Sample, Telemetry, batch, growth, lines, metrics, sample

from tests.host.hosts import HOST

NOW = 1_795_454_439.0
GROUP = "/libreswan/aws-oci-libreswan/dev"
COUNTERS = {"vti1": {"rx_bytes": 100, "tx_bytes": 10}, "vti2": {"rx_bytes": 7, "tx_bytes": 8}}


def said(at: float, *in_use: bool) -> dict[str, Any]:
    return {"at": at, "tunnels": {f"tunnel-{n}": {"inUse": one} for n, one in enumerate(in_use, start=1)}}


def entry(cursor: str, message: object, seconds: float = NOW) -> str:
    return json.dumps(
        {
            "__CURSOR": cursor,
            "__REALTIME_TIMESTAMP": str(int(seconds * 1_000_000)),
            "SYSLOG_IDENTIFIER": "tunnel-keeper",
            "MESSAGE": message,
        }
    )


class GoneError(Exception):
    pass


class Logs:
    """One log group, that may be away."""

    class exceptions:  # noqa: N801 as boto3 calls it
        ResourceNotFoundException = GoneError

    def __init__(self) -> None:
        self.streams: dict[str, list[Event]] = {}
        self.away: str | None = None

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:  # noqa: N803
        assert logGroupName == GROUP
        self.streams[logStreamName] = []

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[Event]) -> None:  # noqa: N803
        if self.away:
            raise RuntimeError(self.away)
        if logStreamName not in self.streams:
            raise GoneError
        times = [event["timestamp"] for event in logEvents]
        assert times == sorted(times)
        self.streams[logStreamName] += logEvents

    @property
    def messages(self) -> list[str]:
        return [event["message"] for event in self.streams.get("i-1", []) if "_aws" not in event["message"]]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return [json.loads(one["message"]) for one in self.streams.get("i-1", []) if "_aws" in one["message"]]


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The journal; what it is asked for is what comes after the cursor."""
    written: list[str] = []
    cursor = tmp_path / "cursor"

    def read() -> str:
        done = cursor.read_text() if cursor.exists() else ""
        return "\n".join(line for line in written if json.loads(line)["__CURSOR"] > done)

    monkeypatch.setattr(subject, "CURSOR", cursor)
    monkeypatch.setattr(subject, "journal", read)
    monkeypatch.setattr(subject, "devices", lambda _host: COUNTERS)
    monkeypatch.setattr("keeper.telemetry.time.time", lambda: NOW)
    monkeypatch.setattr(report, "STATUS", tmp_path / "status.json")
    report.write(report.STATUS, said(NOW, True, False))
    return written


def test_a_sample_is_what_the_keeper_says_and_the_device_counts() -> None:
    assert sample(HOST, said(NOW - 1, True, False), COUNTERS, NOW) == [Sample(True, 100, 10), Sample(False, 7, 8)]


def test_a_keeper_that_is_silent_and_a_device_that_is_away_are_not_guessed() -> None:
    assert sample(HOST, said(NOW - 60, True, True), {}, NOW) == [Sample(None, None, None)] * 2
    assert sample(HOST, {}, {}, NOW) == [Sample(None, None, None)] * 2


@pytest.mark.parametrize(
    ("counts", "grown"),
    [
        ([5], 0),
        ([5, 9, 20], 15),
        # The device was made anew.
        ([50, 60, 3, 4], 14),
        ([50, None, 3], 3),
        ([None, 3, 5], 5),
        ([None, None], 0),
    ],
)
def test_growth_of_a_counter(counts: list[int | None], grown: int) -> None:
    assert growth(counts) == grown


@given(st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=20))
def test_growth_is_never_negative(counts: list[int | None]) -> None:
    assert growth(counts) >= 0


def test_metrics_are_in_the_embedded_format() -> None:
    samples = [Sample(True, 0, 0), Sample(True, 10, 1), Sample(False, 15, 1)]
    event = metrics("aws-oci-libreswan/dev", "tunnel-1", samples, NOW)
    assert event["timestamp"] == NOW * 1000
    assert json.loads(event["message"]) == {
        "_aws": {
            "Timestamp": int(NOW * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "aws-oci-libreswan",
                    "Dimensions": [["Stack", "Tunnel"]],
                    "Metrics": [
                        {"Name": "BytesIn", "Unit": "Bytes"},
                        {"Name": "BytesOut", "Unit": "Bytes"},
                        {"Name": "InUse", "Unit": "None"},
                    ],
                }
            ],
        },
        "Stack": "aws-oci-libreswan/dev",
        "Tunnel": "tunnel-1",
        "BytesIn": 15,
        "BytesOut": 1,
        "InUse": [1, 0],
    }


def test_what_is_not_known_is_no_metric() -> None:
    """An alarm may take missing data for bad; a made-up 0 or 1 would be a lie."""
    told = json.loads(metrics("s", "tunnel-1", [Sample(True, 0, 0), Sample(None, 1, 1)], NOW)["message"])
    assert "InUse" not in told
    assert [one["Name"] for one in told["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["BytesIn", "BytesOut"]


def test_lines_of_the_journal() -> None:
    found, cursor = lines("\n".join([entry("a", "tunnel-1: withdrawn"), entry("b", None), entry("c", "x", NOW + 1)]))
    assert found == [
        {"timestamp": NOW * 1000, "message": "tunnel-keeper: tunnel-1: withdrawn"},
        {"timestamp": (NOW + 1) * 1000, "message": "tunnel-keeper: x"},
    ]
    assert cursor == "c"
    assert lines("") == ([], "")


def test_a_batch_is_in_the_order_of_time_and_of_one_day() -> None:
    """A clock may have been set; CloudWatch takes no batch that goes back or spans more than a day."""
    times = [NOW, NOW - 5, NOW - OLDEST - 1]
    events = [{"timestamp": int(time * 1000), "message": str(time)} for time in times]
    assert [one["message"] for one in batch(events, NOW)] == [str(NOW - 5), str(NOW)]


def test_the_first_lines_make_the_stream_of_this_host(journal: list[str]) -> None:
    logs = Logs()
    telemetry = Telemetry(HOST, GROUP, "i-1", logs)
    journal.append(entry("a", "tunnel-1: carries traffic"))
    telemetry.look()
    telemetry.send()
    assert logs.messages == ["tunnel-keeper: tunnel-1: carries traffic"]
    assert [(one["Stack"], one["Tunnel"], one["InUse"]) for one in logs.metrics] == [
        ("aws-oci-libreswan/dev", "tunnel-1", [1]),
        ("aws-oci-libreswan/dev", "tunnel-2", [0]),
    ]


def test_nothing_is_sent_twice_also_after_a_restart(journal: list[str]) -> None:
    logs = Logs()
    journal.append(entry("a", "one"))
    Telemetry(HOST, GROUP, "i-1", logs).send()
    journal.append(entry("b", "two"))
    Telemetry(HOST, GROUP, "i-1", logs).send()
    assert logs.messages == ["tunnel-keeper: one", "tunnel-keeper: two"]


def test_nothing_is_lost_while_cloudwatch_is_away(journal: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs()
    telemetry = Telemetry(HOST, GROUP, "i-1", logs)
    logs.away = "AccessDeniedException: not authorized to perform: logs:PutLogEvents"
    journal.append(entry("a", "one"))
    for _ in range(3):
        telemetry.look()
        telemetry.send()
    assert capsys.readouterr().out == f"CloudWatch: {logs.away}; trying again\n", "once, and not each minute"
    logs.away = None
    telemetry.look()
    telemetry.send()
    assert logs.messages == ["tunnel-keeper: one"]
    assert [one["InUse"] for one in logs.metrics if one["Tunnel"] == "tunnel-1"] == [[1]] * 4


def test_metrics_do_not_wait_for_ever(journal: list[str]) -> None:
    logs = Logs()
    telemetry = Telemetry(HOST, GROUP, "i-1", logs)
    logs.away = "away"
    for _ in range(subject.MOST_MINUTES + 5):
        telemetry.send()
    logs.away = None
    telemetry.send()
    assert len(logs.metrics) == subject.MOST_MINUTES * len(HOST.tunnels)
    assert logs.messages == []
    assert not journal
