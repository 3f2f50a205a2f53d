"""Unknowns in a preview, and secrets: nothing crashes on the one, and no pre-shared key is anywhere in the open.

Does not prove what the engine writes to its state or prints (tests/engine does).
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator

import pytest
import yaml

from lab.clouds.plugins.values import UNKNOWN, Secret
from tests.program.pretend_clouds import GIVEN, HEADENDS, ORACLES_KEYS, record
from tests.program.recording import Recording, known_and_secret

COMMAND = "command:local:Command"
INSTANCE = ("aws:ec2/instance:Instance", "host-instance")
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
PARAMETER = "aws:ssm/parameter:Parameter"
STASHED = ("pulumi:index:Stash", "host-user-data")

GIVEN_KEYS = {
    "tunnel1PreSharedKey": "GivenKeyOfTunnelOne0123456789abcdefghijk",
    "tunnel2PreSharedKey": "GivenKeyOfTunnelTwo0123456789abcdefghijk",
}
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----never-in-the-open"


def user_data(recording: Recording) -> str:
    return gzip.decompress(base64.b64decode(recording.one(*INSTANCE).inputs["userDataBase64"])).decode()


def open_texts(value: object) -> Iterator[str]:
    """Every text that is not inside a secret; base64 of gzip is unpacked."""
    if isinstance(value, Secret):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from open_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from open_texts(item)
    elif isinstance(value, str):
        yield value
        if value.startswith("H4sI"):
            yield gzip.decompress(base64.b64decode(value)).decode()


def all_open_texts(recording: Recording) -> list[str]:
    everything: list[object] = [r.values for r in recording.resources]
    everything += [outputs for outputs in recording.outputs.values()]
    everything += [invoke.args for invoke in recording.invokes]
    return [text for value in everything for text in open_texts(value)]


class TestSecrets:
    @pytest.mark.parametrize("delivery", ["parameterStore", "userData"])
    @pytest.mark.parametrize("keys", [{}, GIVEN_KEYS], ids=["oracles", "given"])
    def test_no_key_stands_in_the_open(self, delivery: str, keys: dict[str, str]) -> None:
        recording = record(
            {"preSharedKeyDelivery": delivery, **keys, "oci:privateKey": PRIVATE_KEY},
            secret=(*keys, "oci:privateKey"),
        )
        texts = all_open_texts(recording)
        assert len(texts) > 500
        for hidden in [*(keys or ORACLES_KEYS).values(), PRIVATE_KEY, "never-used"]:
            assert [text for text in texts if hidden in text] == []

    def test_the_walk_finds_what_is_in_the_open(self, dev: Recording) -> None:
        """The test above could not fail otherwise."""
        assert any(address in text for address in HEADENDS.values() for text in all_open_texts(dev))
        assert any(text.startswith("#cloud-config") for text in all_open_texts(dev))

    def test_every_output_of_the_stack_may_be_shown(self, dev: Recording) -> None:
        assert not any(isinstance(value, Secret) for value in dev.stack_outputs.values())

    def test_standard_input_of_every_command_is_secret(self, given: Recording) -> None:
        assert [c.name for c in given.of_type(COMMAND) if not isinstance(c.values["stdin"], Secret)] == []

    def test_a_key_is_secret_where_it_is_delivered(self, dev: Recording) -> None:
        for number in (1, 2):
            parameter = dev.one(PARAMETER, f"host-tunnel-{number}-key")
            assert parameter.values["type"] == "SecureString"
            assert isinstance(parameter.values["value"], Secret)
            assert parameter.inputs["value"] == ORACLES_KEYS[f"oci-tunnel-{number}"]

    def test_by_parameter_store_user_data_is_open_and_has_no_key(self, dev: Recording) -> None:
        assert isinstance(dev.one(*INSTANCE).values["userDataBase64"], str)
        text = user_data(dev)
        assert text == dev.one(*STASHED).values["input"]
        for key in ORACLES_KEYS.values():
            assert key not in text
        for number in (1, 2):
            assert dev.one(PARAMETER, f"host-tunnel-{number}-key").inputs["name"] in text
        # What writes ipsec.secrets on the host is there; a line of it is not.
        assert not re.search(r': PSK "[A-Za-z0-9]', text)
        assert "/etc/ipsec.d/oci-ipsec.secrets" not in [file["path"] for file in yaml.safe_load(text)["write_files"]]

    def test_by_user_data_all_of_it_is_secret_and_has_both_keys(self) -> None:
        recording = record({"preSharedKeyDelivery": "userData"})
        assert isinstance(recording.one(*INSTANCE).values["userDataBase64"], Secret)
        assert isinstance(recording.one(*STASHED).values["input"], Secret)
        text = user_data(recording)
        headends = [HEADENDS[tunnel] for tunnel in sorted(HEADENDS)]
        for headend, key in zip(headends, ORACLES_KEYS.values(), strict=True):
            assert f'203.0.113.7 {headend} : PSK "{key}"' in text

    def test_a_given_key_goes_to_oracle_as_a_secret_and_oracles_own_is_not_sent(self, dev: Recording) -> None:
        recording = record(GIVEN_KEYS, secret=tuple(GIVEN_KEYS))
        for number in (1, 2):
            sent = recording.one(MANAGEMENT, f"oci-tunnel-{number}").values["sharedSecret"]
            assert isinstance(sent, Secret)
            assert sent.value == GIVEN_KEYS[f"tunnel{number}PreSharedKey"]
            assert "sharedSecret" not in dev.one(MANAGEMENT, f"oci-tunnel-{number}").values

    def test_provider_secrets_stay_secret(self) -> None:
        recording = record({"oci:privateKey": PRIVATE_KEY}, secret=("oci:privateKey",), preview=True)
        assert isinstance(recording.one("pulumi:providers:oci", "oci").values["privateKey"], Secret)


class TestPreview:
    def test_registers_what_up_does(self, preview: Recording, dev: Recording) -> None:
        assert preview.pairs() == dev.pairs()

    def test_given_networks_register_what_up_does(self, given: Recording) -> None:
        assert record(GIVEN, preview=True).pairs() == given.pairs()

    def test_what_headends_and_keys_make_is_unknown(self, preview: Recording) -> None:
        assert preview.one(*INSTANCE).values["userDataBase64"] is UNKNOWN
        assert preview.one(*STASHED).values["input"] is UNKNOWN
        for number in (1, 2):
            name = f"host-tunnel-{number}"
            ingress = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
            assert preview.one(ingress, f"{name}-in-udp-500").values["cidrIpv4"] is UNKNOWN
            acl = preview.one("aws:ec2/networkAclRule:NetworkAclRule", f"{name}-in-udp").values
            assert acl["cidrBlock"] is UNKNOWN
            assert acl["ruleNumber"] == 99 + number

    def test_unknown_keys_are_secret_already(self, preview: Recording) -> None:
        """On the wire an unknown has no secret mark (the SDK leaves it out for custom resources): so the output."""
        for number in (1, 2):
            assert preview.one(PARAMETER, f"host-tunnel-{number}-key").values["value"] is UNKNOWN
        for tunnel in preview.variables["oci_side"].tunnels:
            assert known_and_secret(tunnel.pre_shared_key) == (False, True)
            assert known_and_secret(tunnel.headend) == (False, False)

    def test_a_given_key_is_known_and_secret_in_a_preview(self) -> None:
        recording = record(GIVEN_KEYS, secret=tuple(GIVEN_KEYS), preview=True)
        for number in (1, 2):
            sent = recording.one(MANAGEMENT, f"oci-tunnel-{number}").values["sharedSecret"]
            assert isinstance(sent, Secret)
            kept = recording.one(PARAMETER, f"host-tunnel-{number}-key").values["value"]
            assert isinstance(kept, Secret)

    def test_tunnels_of_a_connection_to_come_are_not_asked_for(self, preview: Recording) -> None:
        asked = {invoke.token for invoke in preview.invokes}
        assert "oci:Core/getIpsecConnectionTunnels:getIpsecConnectionTunnels" not in asked

    def test_outputs_are_there_and_unknown(self, preview: Recording, dev: Recording) -> None:
        assert set(preview.stack_outputs) == set(dev.stack_outputs)
        assert preview.stack_outputs["headends"] == {"tunnel-1": UNKNOWN, "tunnel-2": UNKNOWN}
        assert preview.stack_outputs["tunnelStates"] is UNKNOWN
        assert preview.stack_outputs["readme"] == dev.stack_outputs["readme"], "known before anything is made"
