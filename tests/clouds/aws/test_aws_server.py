"""Start, stop and record of the AWS stand-in.

Does not prove that two processes can have one each at the same time, though nothing is shared between them.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lab.clouds.aws.server import start_aws


def test_record_names_service_operation_and_status(tmp_path: Path) -> None:
    record = tmp_path / "calls.jsonl"
    cloud = start_aws(record=record)
    try:
        cloud.client("sts", "us-east-1").get_caller_identity()
        cloud.client("ssm", "us-east-1").put_parameter(Name="/a", Value="s3cret", Type="SecureString")
        ec2 = cloud.client("ec2", "us-east-1")
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        with pytest.raises(ClientError):
            ec2.delete_subnet(SubnetId="subnet-0123456789abcdef0")
        cloud.client("iam", "us-east-1").list_roles()
    finally:
        cloud.stop()
    assert [json.loads(line) for line in record.read_text().splitlines()] == [
        {"caller": "AKIAIOSFODNN7EXAMPLE", "service": "sts", "operation": "GetCallerIdentity", "status": 200},
        {"caller": "AKIAIOSFODNN7EXAMPLE", "service": "ssm", "operation": "PutParameter", "status": 200},
        {"caller": "AKIAIOSFODNN7EXAMPLE", "service": "ec2", "operation": "CreateVpc", "status": 200},
        {"caller": "AKIAIOSFODNN7EXAMPLE", "service": "ec2", "operation": "DeleteSubnet", "status": 400},
        {"caller": "AKIAIOSFODNN7EXAMPLE", "service": "iam", "operation": "ListRoles", "status": 200},
    ]


def test_second_one_in_a_process_is_refused_and_a_restart_is_empty() -> None:
    cloud = start_aws()
    try:
        cloud.client("ec2", "us-east-1").create_vpc(CidrBlock="10.0.0.0/16")
        assert list(cloud.leftovers("us-east-1")) == ["vpcs"]
        with pytest.raises(RuntimeError) as refusal:
            start_aws()
        assert str(refusal.value) == (
            f"the AWS stand-in at {cloud.endpoint} is still running: moto keeps its state in the process, so "
            "stop it before starting another"
        )
    finally:
        cloud.stop()
    again = start_aws()
    try:
        assert again.leftovers("us-east-1") == {}
        image = again.client("ssm", "us-east-1").get_parameter(Name="/aws/service/debian/release/13/latest/amd64")
        assert image["Parameter"]["Version"] == 1
    finally:
        again.stop()


def test_a_taken_port_is_an_error_and_leaves_nothing_running() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="Address already in use"):
            start_aws(port=taken.getsockname()[1])
        start_aws().stop()
