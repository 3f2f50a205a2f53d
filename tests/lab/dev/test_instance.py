"""The EC2 instance is a machine: what it is served, and what EC2's calls do to it.

Shares its lab with all tests of this folder. Not proven: a processor other than QEMU's own.
"""

from __future__ import annotations

import base64

import pytest

from lab.clouds.cluster import REGION
from lab.lab import Lab
from lab.machine.guest import GuestError
from lab.machine.qemu import Machine
from tests.lab.asking import BOOT_SECONDS, all_pass, assert_measured, fabric, wait_until

SERVICE = "http://169.254.169.254/latest"
ASK = f'curl -s -m 4 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" {SERVICE}/api/token'
MEMORY_KIB = 3 * 1024 * 1024
TUNNELS_AND_TRAFFIC = all_pass("tunnel-1", "tunnel-2", "client->vcn", "vcn->client")


def machine(lab: Lab) -> Machine:
    found = fabric(lab).hosts.machine
    assert found is not None, "the instance is there"
    return found


def host(lab: Lab, script: str) -> str:
    return machine(lab).guest.script(script)


def wait_for_services(lab: Lab) -> None:
    """The guest agent answers long before the rest of a boot is over."""
    running = "systemctl is-active --quiet ipsec.service && echo yes || true"
    wait_until(lambda: host(lab, running).strip() == "yes", "a running Libreswan", BOOT_SECONDS)


def instance_id(lab: Lab) -> str:
    return str(lab.project.outputs()["instanceId"])


def test_user_data_arrives_byte_for_byte(lab: Lab) -> None:
    served = host(lab, f'curl -s -H "X-aws-ec2-metadata-token: $({ASK})" {SERVICE}/user-data | base64')
    ec2 = lab.clouds.aws.client("ec2", REGION)
    declared = ec2.describe_instance_attribute(InstanceId=instance_id(lab), Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(served) == base64.b64decode(declared)


def test_metadata_without_a_token_is_refused(lab: Lab) -> None:
    code = host(lab, f"curl -s -o /dev/null -w '%{{http_code}}' -m 5 {SERVICE}/meta-data/")
    assert code == "401"


def test_a_container_behind_the_host_gets_no_token(lab: Lab) -> None:
    """The stack asks for a hop limit of 1: a token that has one more hop to go never arrives."""
    script = """
ip netns add container
trap 'ip netns del container; nft delete table ip container' EXIT
ip link add box type veth peer name eth0 netns container
ip addr add 192.168.77.1/24 dev box && ip link set box up
ip -n container addr add 192.168.77.2/24 dev eth0 && ip -n container link set eth0 up
ip -n container route add default via 192.168.77.1
nft add table ip container
nft 'add chain ip container out { type nat hook postrouting priority srcnat; }'
nft add rule ip container out ip saddr 192.168.77.0/24 masquerade
ask='ASK -o /dev/null -w %{http_code}'
echo "host $(eval "$ask" || true) container $(eval "ip netns exec container $ask" || true)"
"""
    assert host(lab, script.replace("ASK", ASK)).strip() == "host 200 container 000"


def test_the_role_reads_its_parameters_and_no_other(lab: Lab) -> None:
    lab.clouds.aws.client("ssm", REGION).put_parameter(Name="/somebody/else", Value="theirs", Type="String")
    try:
        read = (
            "import json, boto3; ssm = boto3.client('ssm', region_name='us-east-1');"
            "own = json.load(open('/etc/aws-oci-libreswan/tunnels.json'))['tunnels'][0]['parameter'];"
            "print(len(ssm.get_parameter(Name=own, WithDecryption=True)['Parameter']['Value']));"
            "ssm.get_parameter(Name='/somebody/else')"
        )
        ran = machine(lab).guest.run("python3", "-c", read)
    finally:
        lab.clouds.aws.client("ssm", REGION).delete_parameter(Name="/somebody/else")
    assert ran.out.strip() == "64"
    assert "AccessDeniedException" in ran.err
    assert "is not authorized to perform: ssm:GetParameter" in ran.err


def test_ec2_serves_the_console(lab: Lab) -> None:
    answer = lab.clouds.aws.client("ec2", REGION).get_console_output(InstanceId=instance_id(lab), Latest=True)
    assert "aws-oci-libreswan: step services: ok" in answer["Output"]


def test_both_machines_fit_into_3_gib(lab: Lab) -> None:
    used = [fabric(lab).machine.memory_kib(), machine(lab).memory_kib()]
    assert all(used)
    assert sum(used) < MEMORY_KIB


def test_weather_of_the_internet(lab: Lab) -> None:
    calm = fabric(lab).around.weather
    target = str(fabric(lab).declared.vcn_host[1])  # type: ignore[index]

    def ping(*options: str) -> str:
        return fabric(lab).run("client", "ping", "-q", "-c", "3", "-i", "0.3", "-W", "2", *options, target)

    try:
        fabric(lab).set_weather(delay_ms=100.0)
        # Four devices delay a packet on its way there and back.
        assert float(ping().rsplit("= ")[1].split("/")[0]) > 190
        fabric(lab).set_weather(delay_ms=0.0, loss_percent=100.0)
        with pytest.raises(GuestError, match="100% packet loss"):
            ping()
        # A headend's path is cut in one direction: that tunnel alone.
        fabric(lab).set_weather(loss_percent=0.0, cut=frozenset({(1, "to")}))
        assert_measured(lab, {"tunnel-2": True})
        wait_until(lambda: any("headend 1 is cut" in rule for rule in fabric(lab).refused()), "the host's next packet")
    finally:
        fabric(lab).set_weather(**vars(calm))
    assert_measured(lab, TUNNELS_AND_TRAFFIC)


@pytest.mark.long
def test_stop_and_start(lab: Lab) -> None:
    ec2 = lab.clouds.aws.client("ec2", REGION)
    ec2.stop_instances(InstanceIds=[instance_id(lab)])
    assert not machine(lab).running
    fabric(lab).settle()
    ec2.start_instances(InstanceIds=[instance_id(lab)])
    machine(lab).wait(300)
    fabric(lab).settle()
    wait_for_services(lab)
    assert_measured(lab, TUNNELS_AND_TRAFFIC)
