"""Pre-shared keys are nowhere in plain text, by the real engine: either delivery, Oracle's own keys and given ones.

What is searched after each step is all that is written below the lab's folder: state, its history and backups, what
up, preview and --diff say with --debug and -v=7, the event logs, the stack file, what the plugins record. Not proven:
what the host does with a key, and anything at -v=9, where the engine itself prints secrets. The engine's own log files
are searched too, but this engine encrypts them.

The tests are one story and run in their order.
"""

from __future__ import annotations

import base64
import re
import secrets
import string
from typing import Any

import pytest

from lab.clouds.cluster import REGION
from lab.clouds.oci.store import TUNNEL
from lab.clouds.tunnel_rule import files_of
from lab.engine.result import Result
from lab.lab import Lab
from tests.engine.leaks import compressed, found_below, found_in

INSTANCE = "aws:ec2/instance:Instance"
STASH = "pulumi:index:Stash"
COMMAND = "command:local:Command"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
PARAMETER = "aws:ssm/parameter:Parameter"
POLICY = "aws:iam/rolePolicy:RolePolicy"

# The engine's mark of a secret, and that of an encrypted one in the state (pulumi sdk/go/common/resource/sig).
SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

LOUD = ("--debug", "--logtostderr", "-v=7")


@pytest.fixture(scope="module")
def ever() -> set[str]:
    """Every key that a tunnel has ever had."""
    return set()


def new_key() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(64))


def current_keys(lab: Lab) -> list[str]:
    """The tunnels' keys as Oracle has them, by OCID."""
    store = lab.clouds.oci.store
    with store.lock:
        tunnels = sorted(store.of(TUNNEL), key=lambda tunnel: tunnel.id)
        return [str(tunnel.private["shared secret"]) for tunnel in tunnels]


def parameters(lab: Lab) -> list[str]:
    ssm = lab.clouds.aws.client("ssm", REGION)
    found = ssm.get_parameters_by_path(Path="/libreswan/", Recursive=True, WithDecryption=True)["Parameters"]
    return [str(one["Value"]) for one in sorted(found, key=lambda one: str(one["Name"]))]


def instance_user_data(lab: Lab) -> bytes:
    """What the running instance was really given."""
    ec2 = lab.clouds.aws.client("ec2", REGION)
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    [reservation] = ec2.describe_instances(Filters=running)["Reservations"]
    attribute = ec2.describe_instance_attribute(
        InstanceId=reservation["Instances"][0]["InstanceId"], Attribute="userData"
    )
    return str(attribute["UserData"]["Value"]).encode()


def inputs(lab: Lab, kind: str, name: str) -> dict[str, Any]:
    """A resource's inputs as the state holds them."""
    [found] = [
        resource["inputs"]
        for resource in lab.project.export()["deployment"]["resources"]
        if resource["type"] == kind and resource["urn"].endswith(f"::{name}")
    ]
    return dict(found)


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.items() >= SIGNATURE.items() and set(value) == {*SIGNATURE, "ciphertext"}


def steps(result: Result) -> list[tuple[str, str]]:
    replacing = {"create-replacement", "delete-replaced", "read"}
    return sorted((one.op, one.name) for one in result.operations() if one.op not in replacing)


def assert_no_leak(lab: Lab, ever: set[str]) -> None:
    ever |= set(current_keys(lab))
    assert found_below(lab.folder, ever) == {}
    assert found_in(str(lab.project.outputs(show_secrets=True)).encode(), ever) == []


def test_search_finds_every_form() -> None:
    """The control of all that follows: a search that finds nothing must be able to find something."""
    key = new_key()
    for before in range(5):
        text = f'{"x" * before}PSK "{key}"\n'
        encoded = base64.b64encode(text.encode())
        assert found_in(f"a {text} b".encode(), [key, new_key()]) == [key]
        assert found_in(b'"' + encoded + b'"', [key, new_key()]) == [key]
        assert found_in(base64.b64encode(encoded), [key, new_key()]) == [key]
        assert found_in(f'"userDataBase64": "{compressed(text * 9)}"'.encode(), [key, new_key()]) == [key]


def test_oracles_keys_in_parameter_store(lab: Lab, ever: set[str]) -> None:
    lab.project.up(*LOUD).check()
    keys = current_keys(lab)
    assert parameters(lab) == keys
    assert_no_leak(lab, ever)
    # The control: they are in the state, encrypted.
    lab.project.export(show_secrets=True)
    assert found_below(lab.folder, keys) == {"stack/logs/export.json": keys}
    lab.project.export()
    for number in (1, 2):
        assert is_secret(inputs(lab, PARAMETER, f"host-tunnel-{number}-key")["value"])
        assert "sharedSecret" not in inputs(lab, MANAGEMENT, f"oci-tunnel-{number}")


def test_user_data_in_parameter_store_mode_is_readable_and_holds_no_key(lab: Lab, ever: set[str]) -> None:
    stash = inputs(lab, STASH, "host-user-data")["input"]
    assert stash.startswith("#cloud-config\n")
    assert found_in(stash.encode(), ever) == []
    given = instance_user_data(lab)
    assert found_in(given, ever) == []
    files = files_of(base64.b64decode(given))
    assert files == files_of(stash.encode()), "what a reviewer reads is what the instance is given"
    assert not [path for path, text in files.items() if "PSK" in text and path.endswith(".secrets")]
    assert inputs(lab, INSTANCE, "host-instance")["userDataBase64"].encode() == given


def test_reviewer_reads_the_change_of_user_data(lab: Lab, ever: set[str]) -> None:
    lab.configure(pathMtu=1400)
    preview = lab.project.preview(*LOUD).check()
    assert "1438 => 1338" in preview.text
    lab.configure(pathMtu=None)
    assert_no_leak(lab, ever)


def test_oracles_keys_in_user_data(lab: Lab, ever: set[str]) -> None:
    lab.configure(preSharedKeyDelivery="userData")
    lab.project.up(*LOUD).check()
    assert parameters(lab) == []
    assert found_in(instance_user_data(lab), current_keys(lab)) == current_keys(lab)
    assert_no_leak(lab, ever)
    assert is_secret(inputs(lab, STASH, "host-user-data")["input"])
    assert is_secret(inputs(lab, INSTANCE, "host-instance")["userDataBase64"])


def test_diff_of_user_data_with_keys_is_secret(lab: Lab, ever: set[str]) -> None:
    lab.configure(pathMtu=1400)
    preview = lab.project.preview(*LOUD).check()
    assert re.search(r"::host-user-data\]\n +input: \[secret\]\n", preview.text)
    assert "1438 => 1338" not in preview.text
    assert '"mtu": 1338' not in preview.text
    lab.configure(pathMtu=None)
    assert_no_leak(lab, ever)


def test_key_changed_in_user_data_replaces_host_and_proof(lab: Lab, ever: set[str]) -> None:
    key, before = new_key(), current_keys(lab)
    lab.project.config_set("tunnel1PreSharedKey", key, secret=True).check()
    up = lab.project.up(*LOUD).check()
    assert steps(up) == [
        ("replace", "host-instance"),
        ("replace", "proof-tunnels-up"),
        ("update", "host-user-data"),
        ("update", "oci-tunnel-1"),
        ("update", "oci-tunnel-2-ready"),
    ]
    assert current_keys(lab) == [key, before[1]]
    assert found_in(instance_user_data(lab), [key, *before]) == [key, before[1]]
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    assert is_secret(inputs(lab, MANAGEMENT, "oci-tunnel-1")["sharedSecret"])
    assert_no_leak(lab, ever)


def test_given_keys_in_parameter_store(lab: Lab, ever: set[str]) -> None:
    key = new_key()
    lab.project.config_set("tunnel2PreSharedKey", key, secret=True).check()
    lab.configure(preSharedKeyDelivery="parameterStore")
    lab.project.up(*LOUD).check()
    assert current_keys(lab)[1] == key
    assert parameters(lab) == current_keys(lab)
    assert found_in(instance_user_data(lab), ever | {key}) == []
    assert_no_leak(lab, ever)
    assert inputs(lab, STASH, "host-user-data")["input"].startswith("#cloud-config\n")


def test_key_changed_in_parameter_store_replaces_nothing_but_the_proof(lab: Lab, ever: set[str]) -> None:
    key, before = new_key(), current_keys(lab)
    lab.project.config_set("tunnel1PreSharedKey", key, secret=True).check()
    up = lab.project.up(*LOUD).check()
    assert steps(up) == [
        ("replace", "proof-tunnels-up"),
        ("update", "host-tunnel-1-key"),
        ("update", "oci-tunnel-1"),
        ("update", "oci-tunnel-2-ready"),
    ]
    assert current_keys(lab) == [key, before[1]]
    assert parameters(lab) == current_keys(lab)
    assert_no_leak(lab, ever)
    lab.project.preview("--expect-no-changes").check()
