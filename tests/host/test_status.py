"""`vpn-status`: what it reads, its table, and when it ends with 1."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from keeper import kernel, libreswan, report, settings
from keeper import status as subject
from keeper.decide import CARRYING, DEAF, DOUBTFUL, DOWN, PRESUMED
from keeper.libreswan import Child
from keeper.status import HEADER, STALE, faults, ike_established, rows, table

from tests.host.hosts import HOST, tunnel

NOW = 1_795_454_439.0
NOT_RUNNING = "the keeper is not running: systemctl status tunnel-keeper; journalctl -u tunnel-keeper"


def said(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """What the keeper has written, of two tunnels that carry, with changes."""
    carries = {"inUse": True, "worth": CARRYING, "probe": "answered", "lastAnswerSecondsAgo": 0.26, "takenDown": 0}
    return {
        "at": NOW,
        "libreswan": True,
        "tunnels": {"tunnel-1": carries | (first or {}), "tunnel-2": carries | (second or {})},
    } | changes


@pytest.mark.parametrize(
    "states",
    [
        '000 #1: "tunnel-1":4500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); REKEY in 27000s; newest; idle;\n',
        '#1: "tunnel-1":4500 ESTABLISHED_IKE_SA (established IKE SA); REKEY in 27000s; REPLACE in 28000s; newest;\n',
        '000 #1: "tunnel-1":4500 STATE_MAIN_I4 (IKE SA established); REPLACE in 27000s; newest; idle;\n',
        '#1: "tunnel-1":4500 STATE_MAIN_I4 (ISAKMP SA established); REPLACE in 27000s; newest; idle;\n',
    ],
    ids=["4.10", "5.2", "4.10 IKEv1", "5.2 IKEv1"],
)
def test_a_conn_with_an_ike_sa(states: str) -> None:
    assert ike_established(states) == {"tunnel-1"}


@pytest.mark.parametrize(
    "states",
    [
        "",
        '000 #2: "tunnel-1":4500 STATE_V2_ESTABLISHED_CHILD_SA (established Child SA); REKEY in 3000s; newest;\n',
        '#2: "tunnel-1":4500 ESTABLISHED_CHILD_SA (established Child SA); REKEY in 3000s; IKE SA #1; idle;\n',
        '000 #2: "tunnel-1":4500 STATE_QUICK_I2 (IPsec SA established); REPLACE in 3000s; newest; isakmp#1; idle;\n',
        '000 #1: "tunnel-1":500 STATE_V2_PARENT_I1 (sent IKE_SA_INIT request); RETRANSMIT in 4s; idle;\n',
        "000 IPsec SAs: total(0), authenticated(0), anonymous(0)\n",
    ],
    ids=["nothing", "child 4.10", "child 5.2", "child IKEv1", "on its way", "a total"],
)
def test_what_is_no_ike_sa(states: str) -> None:
    assert ike_established(states) == set()


def test_a_state_of_one_conn_is_not_that_of_another() -> None:
    states = (
        '000 #1: "tunnel-1":500 STATE_V2_PARENT_I1 (sent IKE_SA_INIT request); idle;\n'
        '000 #3: "tunnel-2":4500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); newest; idle;\n'
    )
    assert ike_established(states) == {"tunnel-2"}


def test_the_rows_of_two_tunnels() -> None:
    host = replace(HOST, tunnels=(HOST.tunnels[0], tunnel(2, parameter=None)))
    found = rows(
        host,
        said(second={"worth": DOUBTFUL, "probe": "never answered", "lastAnswerSecondsAgo": None}),
        {"versions": {"tunnel-1": 3}},
        {"tunnel-1"},
        {"tunnel-1": Child(serial=4, in_bytes=0)},
        {"vti1": {"rx_bytes": 84, "tx_bytes": 168}},
        {"172.16.0.0/16": ("vti1", "vti2"), "192.168.5.9/32": ("vti1",)},
    )
    first = ("tunnel-1", "up", "#4", "vti1 up", "2 of 2", "84", "168", "answered, 0.3 s ago", "version 3", "up")
    second = ("tunnel-2", "none", "none", "vti2 missing", "1 of 2", "-", "-", "never answered", "user-data")
    assert found == [first, (*second, "up again, has not answered yet")]
    assert len(HEADER) == len(first)


def test_the_rows_of_a_host_on_which_nothing_runs() -> None:
    assert rows(HOST, {}, {}, set(), {}, {}, {}) == [
        (conn, "none", "none", f"{device} missing", "0 of 2", "-", "-", "?", "?", "no child SA or device")
        for conn, device in (("tunnel-1", "vti1"), ("tunnel-2", "vti2"))
    ]


def test_columns_are_as_wide_as_they_have_to_be_and_no_line_ends_with_blanks() -> None:
    assert table([("A", "LONG", "C"), ("wide", "b", "")]) == "A     LONG  C\nwide  b"


def test_two_tunnels_that_carry_are_no_fault() -> None:
    assert faults(HOST, said(), {}, NOW) == []


@pytest.mark.parametrize(
    ("worth", "words"),
    [
        (DOWN, "no child SA or device"),
        (DEAF, "probes are no longer answered"),
        (DOUBTFUL, "up again, has not answered yet"),
    ],
)
@pytest.mark.parametrize("in_use", [True, False])
def test_a_tunnel_that_is_not_good_is_a_fault(worth: int, words: str, in_use: bool) -> None:
    status = said(second={"worth": worth, "inUse": in_use})
    assert faults(HOST, status, {}, NOW) == [f"tunnel-2: {words}: journalctl -u ipsec | grep tunnel-2"]


@pytest.mark.parametrize("worth", [PRESUMED, CARRYING])
def test_a_good_tunnel_that_carries_nothing_is_a_fault(worth: int) -> None:
    status = said({"worth": worth, "inUse": False})
    assert faults(HOST, status, {}, NOW) == ["tunnel-1: up, and carries again if it stays so for some seconds"]


def test_a_tunnel_that_was_never_answered_but_carries_is_none() -> None:
    assert faults(HOST, said({"worth": PRESUMED, "probe": "never answered"}), {}, NOW) == []


def test_what_is_wrong_comes_in_the_order_in_which_to_look() -> None:
    status = said({"worth": DOWN}, libreswan=False)
    assert faults(HOST, status, {"faults": {"tunnel-2": "AccessDenied"}}, NOW) == [
        "Libreswan does not answer: systemctl status ipsec; journalctl -u ipsec",
        "tunnel-1: no child SA or device: journalctl -u ipsec | grep tunnel-1",
        "tunnel-2: pre-shared key: AccessDenied",
    ]


def test_what_a_keeper_said_that_has_stopped_is_no_news() -> None:
    assert faults(HOST, said(), {}, NOW + STALE) == []
    assert faults(HOST, said({"worth": DOWN}), {}, NOW + STALE + 0.1) == [NOT_RUNNING]


def test_a_keeper_that_has_said_nothing_is_not_running() -> None:
    assert faults(HOST, {}, {}, NOW) == [NOT_RUNNING]


class TestProgram:
    @pytest.fixture(autouse=True)
    def on_a_host(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(report, "STATUS", tmp_path / "status.json")
        monkeypatch.setattr(report, "KEYS", tmp_path / "keys.json")
        monkeypatch.setattr(settings, "load", lambda: HOST)
        monkeypatch.setattr(time, "time", lambda: NOW)
        monkeypatch.setattr(libreswan, "whack", lambda *arguments: None)
        monkeypatch.setattr(kernel, "our_routes", list)

    def test_it_ends_with_0_where_all_is_well(self, capsys: pytest.CaptureFixture[str]) -> None:
        report.write(report.STATUS, said())
        report.write(report.KEYS, {"versions": {"tunnel-1": 1, "tunnel-2": 2}, "faults": {}, "waiting": []})
        assert subject.main() == 0
        header, first, second = capsys.readouterr().out.splitlines()
        assert tuple(header.split("  ")[0:1]) == HEADER[0:1]
        assert first.endswith("version 1  up")
        assert second.endswith("version 2  up")

    def test_it_ends_with_1_and_says_what_is_wrong(self, capsys: pytest.CaptureFixture[str]) -> None:
        report.write(report.STATUS, said({"worth": DOWN}))
        assert subject.main() == 1
        assert capsys.readouterr().out.splitlines()[3:] == [
            "! tunnel-1: no child SA or device: journalctl -u ipsec | grep tunnel-1"
        ]

    @pytest.mark.parametrize("text", [None, "", "{", json.dumps(said(at=NOW - STALE - 1))])
    def test_without_news_of_the_keeper_it_says_so(self, text: str | None, capsys: pytest.CaptureFixture[str]) -> None:
        if text is not None:
            report.STATUS.write_text(text)
        assert subject.main() == 1
        assert capsys.readouterr().out.splitlines()[3:] == [f"! {NOT_RUNNING}"]

    def test_a_key_that_is_refused_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        report.write(report.STATUS, said())
        report.write(report.KEYS, {"versions": {}, "faults": {"tunnel-1": "AccessDenied"}, "waiting": []})
        assert subject.main() == 1
        assert "! tunnel-1: pre-shared key: AccessDenied\n" in capsys.readouterr().out

    def test_on_a_device_that_is_up_it_counts_bytes(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        host = replace(HOST, tunnels=(tunnel(1, device="lo"), HOST.tunnels[1]))
        monkeypatch.setattr(settings, "load", lambda: host)
        assert subject.main() == 1
        assert "lo up  " in capsys.readouterr().out
