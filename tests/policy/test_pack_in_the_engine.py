"""The policy pack on resources that the real engine recorded, and asked by that engine itself.

`dev` goes up under the pack; then every policy meets a stack that breaks it: other settings where settings can, else
the recorded stack with one resource changed. Not proven: that a current language host starts the pack (the lab's is
older, see pack.py), and that the real providers' checks leave the inputs as the stand-ins' do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from policy.pack import POLICIES
from policy.subject import Resource
from tests.engine.conftest import FAST
from tests.policy import recorded
from tests.policy.pack import for_the_engine, violations, written

INSTANCE = "aws:ec2/instance:Instance"
KEYS = "aws:iam/rolePolicy:RolePolicy"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"

METADATA, INGRESS, DISKS, ROLE = (
    "metadata-service-v2",
    "no-ingress-from-anywhere",
    "encrypted-disks",
    "host-role-reads-its-own-parameters",
)
TAGS, USER_DATA, CRYPTO, PROTECTED = (
    "tags-say-whose-it-is",
    "no-secret-in-user-data",
    "no-weak-tunnel-crypto",
    "protected-unless-disposable",
)

IN_PARAMETER_STORE = (
    "userDataBase64 holds a pre-shared key: set preSharedKeyDelivery to parameterStore, "
    "and change a key that has been there"
)
GROUPS = "choose a cryptoProfile with GROUP14, GROUP19, GROUP20"


def _not_disposable(name: str) -> str:
    return (
        f"{name} is not protected, and stack 'dev' is none of the disposable ones (review-*): set disposable to false"
    )


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made, commands = for_the_engine(tmp_path_factory.mktemp("pack"))
    with pytest.MonkeyPatch.context() as patch:
        # What the engine sees of PATH is this process's.
        patch.setenv("PATH", str(commands), prepend=":")
        yield made


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, pack: Path) -> Iterator[Lab]:
    """`dev`, previewed on an empty stack and then brought up, both under the pack."""
    started = Lab.start(tmp_path_factory.mktemp("lab"), FAST)
    try:
        for result in (
            started.project.preview("--policy-pack", str(pack)),
            started.project.up("--policy-pack", str(pack)),
        ):
            assert violations(result.check()) == []
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def state(lab: Lab) -> dict[str, Any]:
    return lab.project.export(show_secrets=True)


@pytest.fixture(scope="module")
def resources(state: dict[str, Any]) -> list[Resource]:
    return recorded.of_state(state)


def faults(resources: list[Resource]) -> list[tuple[str, str, str]]:
    return sorted((p.name, r.name, fault) for r in resources for p in POLICIES for fault in p.faults(r))


def test_dev_passes_every_policy(resources: list[Resource]) -> None:
    assert len(resources) > 60
    assert faults(resources) == []


@pytest.mark.parametrize(
    ("settings", "configured", "expected"),
    [
        pytest.param(
            {"cryptoProfile": "guide"},
            {},
            [
                (CRYPTO, f"oci-tunnel-{n}", f"{path} is 'GROUP5': {GROUPS}")
                for n in (1, 2)
                for path in ("phaseOneDetails.customDhGroup", "phaseTwoDetails.dhGroup")
            ],
            id=CRYPTO,
        ),
        pytest.param(
            {"preSharedKeyDelivery": "userData"},
            {},
            [(USER_DATA, "host-instance", IN_PARAMETER_STORE)],
            id=USER_DATA,
        ),
        pytest.param(
            {"sshCidrs": ["0.0.0.0/0"], "sshKeyName": "ops"},
            {},
            [
                (
                    INGRESS,
                    name,
                    f"{name} lets tcp 22 in from 0.0.0.0/0: name the networks that need it, "
                    f"or name 'tcp 22' in the pack's configuration ({filters})",
                )
                for name, filters in (
                    ("aws-acl-in-ssh-1", "networkAcls"),
                    ("aws-host-in-ssh-from-0-0-0-0-0", "securityRules"),
                )
            ],
            id=INGRESS,
        ),
        pytest.param(
            {},
            {PROTECTED: {"disposableStacks": ["review-*"]}},
            [(PROTECTED, name, _not_disposable(name)) for name in ("aws-address", "oci-connection", "oci-cpe")],
            id=PROTECTED,
        ),
        pytest.param({"disposable": False}, {PROTECTED: {"disposableStacks": ["review-*"]}}, [], id="protected"),
        pytest.param(
            {"preSharedKeyDelivery": "userData"},
            {USER_DATA: {"allowPreSharedKeys": True}},
            [],
            id="keys-in-user-data-accepted-by-the-team",
        ),
    ],
)
def test_the_engine_refuses_settings_that_break_a_policy(
    lab: Lab,
    pack: Path,
    tmp_path: Path,
    settings: Mapping[str, Any],
    configured: Mapping[str, Any],
    expected: list[tuple[str, str, str]],
) -> None:
    before = lab.project.stack_file.read_text()
    lab.configure(**settings)
    try:
        preview = lab.project.preview(
            "--policy-pack", str(pack), "--policy-pack-config", str(written(tmp_path, configured))
        )
    finally:
        lab.project.stack_file.write_text(before)
    assert violations(preview) == sorted(expected)
    assert preview.ok == (not expected)


def _with_key(resource: Resource) -> Resource:
    """User-data as another program would write it: the key in plain text, not packed."""
    text = "#cloud-config\nruncmd:\n- echo '192.0.2.1 198.51.100.1 : PSK \"MadeUpKeyOf32Letters0123456789abc\"'\n"
    return recorded.changed(resource, {"userDataBase64": base64.b64encode(text.encode()).decode()})


def _on_all_parameters(resource: Resource) -> Resource:
    policy = json.loads(resource.properties["policy"])
    policy["Statement"][0]["Resource"] = "arn:aws:ssm:us-east-1:123456789012:parameter/*"
    return recorded.changed(resource, {"policy": json.dumps(policy)})


# One change of a recorded resource for each policy: what it is made to, and what the policy then says.
BROKEN: Mapping[str, tuple[str, str, Callable[[Resource], Resource], list[str]]] = {
    METADATA: (
        INSTANCE,
        "host-instance",
        lambda r: recorded.changed(
            r, {"metadataOptions.httpTokens": "optional", "metadataOptions.httpPutResponseHopLimit": None}
        ),
        [
            "metadataOptions.httpPutResponseHopLimit is None: set it to 1",
            "metadataOptions.httpTokens is 'optional': set it to 'required'",
        ],
    ),
    INGRESS: (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws-host-in-from-10-0-0-0-16",
        lambda r: recorded.changed(r, {"cidrIpv4": "0.0.0.0/0"}),
        [
            "aws-host-in-from-10-0-0-0-16 lets all in from 0.0.0.0/0: name the networks that need it, or name 'all' "
            "in the pack's configuration (securityRules)"
        ],
    ),
    DISKS: (
        INSTANCE,
        "host-instance",
        lambda r: recorded.changed(r, {"rootBlockDevice.encrypted": False}),
        ["rootBlockDevice.encrypted is not true: set it to true"],
    ),
    ROLE: (
        KEYS,
        "host-keys",
        _on_all_parameters,
        [
            "ssm:GetParameter is allowed on arn:aws:ssm:us-east-1:123456789012:parameter/*: name the resource",
        ],
    ),
    TAGS: (
        "oci:Core/drg:Drg",
        "oci-drg",
        lambda r: recorded.changed(r, {"freeformTags.project": None, "freeformTags.stack": "x"}),
        [
            "freeformTags: project is None: set it to 'aws-oci-libreswan'",
            "freeformTags: stack is 'x': set it to 'dev'",
        ],
    ),
    USER_DATA: (INSTANCE, "host-instance", _with_key, [IN_PARAMETER_STORE]),
    CRYPTO: (
        MANAGEMENT,
        "oci-tunnel-2",
        lambda r: recorded.changed(
            r, {"phaseTwoDetails.isPfsEnabled": False, "phaseOneDetails.customAuthenticationAlgorithm": "SHA1_96"}
        ),
        [
            "phaseOneDetails.customAuthenticationAlgorithm is 'SHA1_96': "
            "choose a cryptoProfile with SHA2_384, SHA2_256",
            "phaseTwoDetails.isPfsEnabled is not true: set it to true",
        ],
    ),
    PROTECTED: (
        "oci:Core/cpe:Cpe",
        "oci-cpe",
        # As in a stack that the pack does not know as disposable.
        lambda r: replace(r, urn=r.urn.replace("urn:pulumi:dev::", "urn:pulumi:production::"), protect=False),
        [
            "oci-cpe is not protected, and stack 'production' is none of the disposable ones (dev, pr-*): "
            "set disposable to false"
        ],
    ),
}


def test_every_policy_has_a_stack_that_breaks_it() -> None:
    assert set(BROKEN) == {policy.name for policy in POLICIES}


@pytest.mark.parametrize("policy", BROKEN)
def test_a_changed_resource_breaks_its_policy_alone(resources: list[Resource], policy: str) -> None:
    kind, name, change, messages = BROKEN[policy]
    found = faults([change(recorded.one(resources, kind, name))])
    assert [fault for fault in found if fault[0] == policy] == [(policy, name, message) for message in messages]
    # Another stack's name is on the tags, too.
    assert {fault[0] for fault in found} <= {policy, TAGS}


def test_the_engine_refuses_the_changed_resources(
    lab: Lab, pack: Path, state: dict[str, Any], resources: list[Resource], tmp_path: Path
) -> None:
    """All but the one whose change is another stack's name, which no state of this stack can have."""
    declared: dict[str, Resource] = {}
    expected: list[tuple[str, str, str]] = []
    for policy, (kind, name, change, messages) in BROKEN.items():
        if policy != PROTECTED:
            resource = recorded.one(resources, kind, name)
            declared[resource.urn] = change(declared.get(resource.urn, resource))
            expected += [(policy, name, message) for message in messages]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(recorded.with_changes(state, declared.values())))
    result = lab.project.run("policy", "analyze", "--policy-pack", str(pack), "--file", str(file), "--json")
    lines = [line for line in result.text.splitlines() if line.startswith("{")]
    told = replace(result, events=tuple(json.loads(line) for line in lines))
    assert violations(told) == sorted(expected)
    assert not result.ok
