"""The pack's own process, asked as the engine asks it: which policies it has, and that each reports.

Does not prove that the engine asks so; tests/policy/test_pack_in_the_engine.py does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from lab.clouds.plugins.values import UNKNOWN, Secret, Values, to_struct
from policy.pack import NAME, POLICIES
from tests.policy.pack import running

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
URN = f"urn:pulumi:dev::aws-oci-libreswan::{RULE}::made-up"
OWN = {"project": "aws-oci-libreswan", "stack": "dev", "managed-by": "pulumi"}


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Any]:
    with running() as address, grpc.insecure_channel(address) as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)


def analyze(analyzer: Any, properties: Values) -> Any:
    request = analyzer_pb2.AnalyzeRequest(urn=URN, type=RULE, name="made-up", properties=to_struct(properties))
    return analyzer.Analyze(request)


def test_the_pack_registers_exactly_the_policies(analyzer: Any) -> None:
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == NAME
    assert [(p.name, p.description) for p in info.policies] == [(p.name, p.description) for p in POLICIES]
    assert {p.enforcementLevel for p in info.policies} == {analyzer_pb2.MANDATORY}
    schemas = {p.name: json_format.MessageToDict(p.configSchema).get("properties", {}) for p in info.policies}
    assert schemas == {p.name: p.schema for p in POLICIES}


def test_a_fault_is_reported_with_what_to_change(analyzer: Any) -> None:
    response = analyze(
        analyzer, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": Secret("0.0.0.0/0"), "tags": OWN}
    )
    [told] = response.diagnostics
    assert told.policyName == "no-ingress-from-anywhere"
    assert told.enforcementLevel == analyzer_pb2.MANDATORY
    assert told.message.endswith(
        "made-up lets tcp 22 in from 0.0.0.0/0: name the networks that need it, "
        "or name 'tcp 22' in the pack's configuration (securityRules)"
    )


def test_what_is_not_known_yet_is_said_to_be_so(analyzer: Any) -> None:
    response = analyze(analyzer, {"ipProtocol": "udp", "cidrIpv4": UNKNOWN, "tags": {**OWN, "stack": "x"}})
    assert [(one.policy_name, one.reason) for one in response.not_applicable] == [
        ("no-ingress-from-anywhere", "cidrIpv4 is not known yet")
    ]
    # What is known is judged all the same.
    assert [one.policyName for one in response.diagnostics] == ["tags-say-whose-it-is"]
