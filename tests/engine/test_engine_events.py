"""Reading the engine's event log: events as apitype of the engine's SDK writes them, shortened.

Does not prove that an engine writes these: test_engine_runs.py has one that does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.engine.result import Change, Operation, Result, read_events

VCN = "oci:Core/vcn:Vcn"


def _step(op: str, name: str = "net", type_: str = VCN, **more: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::p::a:b:C${type_}::{name}"
    return {"op": op, "urn": urn, "type": type_, **more}


def _result(*events: dict[str, Any]) -> Result:
    return Result(command=("up",), exit_code=0, text="", events=events)


def test_order_tells_which_goes_first() -> None:
    steps = ["delete-replaced", "replace", "create-replacement"]
    result = _result(*({"resourcePreEvent": {"metadata": _step(op)}} for op in steps))
    assert result.operations() == [Operation(op, VCN, "net") for op in steps]


def test_unchanged_and_default_providers() -> None:
    result = _result(
        {"resourcePreEvent": {"metadata": _step("same")}},
        {"resourcePreEvent": {"metadata": _step("create", "default_5_5_0", "pulumi:providers:oci")}},
        {"resourcePreEvent": {"metadata": _step("create", "oci", "pulumi:providers:oci")}},
    )
    explicit = Operation("create", "pulumi:providers:oci", "oci")
    assert result.operations() == [explicit]
    assert result.operations(unchanged=True) == [Operation("same", VCN, "net"), explicit]


def test_changes_once_each_with_and_without_details() -> None:
    detailed = {"cidrBlocks[0]": {"diffKind": "update-replace", "inputDiff": True}}
    result = _result(
        {"resourcePreEvent": {"metadata": _step("replace", detailedDiff=detailed, diffs=["cidrBlocks"])}},
        {"resourcePreEvent": {"metadata": _step("create-replacement", detailedDiff=detailed)}},
        {"resourcePreEvent": {"metadata": _step("replace", "b", diffs=["x", "y"], keys=["y"])}},
    )
    assert result.changes() == [
        Change(VCN, "net", "cidrBlocks[0]", "update-replace"),
        Change(VCN, "b", "x", "update"),
        Change(VCN, "b", "y", "update-replace"),
    ]


def test_failures_and_messages_without_colours() -> None:
    result = _result(
        {"resOpFailedEvent": {"metadata": _step("update"), "status": 1, "steps": 1}},
        {"diagnosticEvent": {"message": "<{%fg 1%}>409: <{%reset%}>busy\n", "severity": "error"}},
        {"diagnosticEvent": {"message": "old", "severity": "warning"}},
    )
    assert result.failures() == [Operation("update", VCN, "net")]
    assert result.messages() == ["409: busy"]
    assert result.messages("warning") == ["old"]


def test_a_log_that_was_cut_off_or_never_begun(tmp_path: Path) -> None:
    log = tmp_path / "events"
    assert read_events(log) == ()
    log.write_text(json.dumps({"sequence": 0}) + "\n" + '{"sequence": 1, "res')
    assert read_events(log) == ({"sequence": 0},)
