"""EC2 as moto answers it, with the guards in front, the mends behind, and machines that follow the instances."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.responses import EC2Response

from lab.clouds.aws import mends
from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.guards import table
from lab.clouds.aws.guards.launches import ENDED, launch_interfaces, offered_zones
from lab.clouds.aws.guards.refusal import Refusal, Request
from lab.clouds.aws.hypervisor import NoCapacityError
from lab.clouds.aws.machines import Machines

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
CONSOLE_BYTES = 65536


class LabEc2(EC2Response):
    """One request. `behaviour` and `machines` are set on a subclass for each running stand-in."""

    behaviour: ClassVar[Behaviour]
    machines: ClassVar[Machines]

    @property
    def backend(self) -> EC2Backend:
        backend: EC2Backend = self.ec2_backend
        return backend

    def asked(self) -> Request:
        return Request(params=self.params, backend=self.backend, behaviour=self.behaviour)

    def call_action(self) -> Any:
        mends.settle(self.backend, self.behaviour)
        try:
            table.check(self._get_action(), self.asked())
        except ServiceException as refusal:
            return self.serialized(ActionResult(refusal))
        answer = super().call_action()
        mends.agree(self.backend)
        return answer

    def serialized(self, action_result: ActionResult) -> Any:
        status, headers, body = super().serialized(action_result)
        result: Any = action_result.result
        # moto's is 400 for every error of EC2.
        return (result.status if isinstance(result, Refusal) else status), headers, body

    def run_instances(self) -> ActionResult:
        given = launch_interfaces(self.asked())
        self.params = mends.prepare_launch(self.asked())
        result = super().run_instances()
        reservation: Any = result.result
        for instance in reservation.instances:
            mends.own_interfaces(instance, given)
        mends.agree(self.backend)
        self._boot(reservation)
        return result

    def _boot(self, reservation: Reservation) -> None:
        try:
            for instance in reservation.instances:
                self.machines.boot(self.backend, instance)
        except NoCapacityError:
            for instance in reservation.instances:
                self.machines.terminate(instance.id)
            mends.undo_launch(self.backend, reservation)
            mends.agree(self.backend)
            raise self._no_capacity(reservation.instances[0]) from None

    def _no_capacity(self, instance: Instance) -> Refusal:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html"""
        wanted, zone = instance.instance_type, instance.availability_zone
        others = [other for other in offered_zones(self.asked(), wanted) if other != zone]
        return Refusal(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {wanted} capacity in the Availability Zone you requested ({zone}). "
            f"Our system will be working on provisioning additional capacity. You can currently get {wanted} "
            f"capacity by not specifying an Availability Zone in your request or choosing {', '.join(others)}.",
            status=500,
        )

    def _in_state(self, state: str) -> list[str]:
        """Those of the instances that the request names and that are in a state."""
        named = self.params.get("InstanceIds") or []
        return [one for one in named if self.backend.get_instance(one).state == state]

    def stop_instances(self) -> ActionResult:
        running = self._in_state("running")
        result = super().stop_instances()
        for instance_id in running:
            self.machines.stop(instance_id)
        return result

    def start_instances(self) -> ActionResult:
        stopped = self._in_state("stopped")
        result = super().start_instances()
        for instance_id in stopped:
            self.machines.start(instance_id)
        return result

    def reboot_instances(self) -> ActionResult:
        result = super().reboot_instances()
        for instance_id in self.params["InstanceIds"]:
            self.machines.reboot(instance_id)
        return result

    def terminate_instances(self) -> ActionResult:
        before = {instance_id: mends.shut_down(self.backend, instance_id) for instance_id in self.params["InstanceIds"]}
        for instance_id, state in before.items():
            if state.name not in ENDED:
                # The machine is dead before the clock runs by which its interface comes free.
                self.machines.terminate(instance_id)
                self.behaviour.terminate_later(instance_id)
        return ActionResult(
            {
                "TerminatingInstances": [
                    {
                        "InstanceId": instance_id,
                        "PreviousState": state,
                        "CurrentState": {"Code": 32, "Name": "shutting-down"},
                    }
                    for instance_id, state in before.items()
                ]
            }
        )

    def modify_instance_attribute(self) -> ActionResult:
        result = super().modify_instance_attribute()
        mends.follow_instance(self.backend.get_instance(self.params["InstanceId"]))
        return result

    def modify_instance_metadata_options(self) -> ActionResult:
        self.params = mends.metadata_options(self.backend, self.params)
        return super().modify_instance_metadata_options()

    def get_console_output(self) -> ActionResult:
        instance = self.backend.get_instance(self.params["InstanceId"])
        text = self.machines.console(instance.id).encode()[-CONSOLE_BYTES:]
        return ActionResult(
            {
                "InstanceId": instance.id,
                "Timestamp": datetime.now(UTC),
                "Output": base64.b64encode(text).decode(),
            }
        )

    def describe_instance_type_offerings(self) -> ActionResult:
        result: Any = super().describe_instance_type_offerings().result
        offers = result["InstanceTypeOfferings"]
        kept = [offer for offer in offers if (offer["InstanceType"], offer["Location"]) not in self.behaviour.withdrawn]
        return ActionResult({"InstanceTypeOfferings": kept})

    def create_network_interface(self) -> ActionResult:
        if not self.params.get("PrivateIpAddress") and not self.params.get("PrivateIpAddresses"):
            self.params["PrivateIpAddress"] = mends.free_address(self.asked(), self.params["SubnetId"])
        return super().create_network_interface()

    def allocate_address(self) -> ActionResult:
        taken = {address.public_ip for address in self.backend.addresses}
        pool = self.behaviour.elastic_addresses
        self.params["Address"] = next(address for address in pool if address not in taken)
        return super().allocate_address()

    def create_network_acl(self) -> ActionResult:
        result = super().create_network_acl()
        made: Any = result.result
        mends.close_acl(self.backend, made["NetworkAcl"].id)
        return result

    def create_network_acl_entry(self) -> ActionResult:
        self.params = mends.icmp_of_entry(self.params)
        return super().create_network_acl_entry()

    def replace_network_acl_entry(self) -> ActionResult:
        self.params = mends.icmp_of_entry(self.params)
        return super().replace_network_acl_entry()

    def authorize_security_group_ingress(self) -> ActionResult:
        self.params = mends.ports_of_rules(self.params)
        return super().authorize_security_group_ingress()

    def authorize_security_group_egress(self) -> ActionResult:
        self.params = mends.ports_of_rules(self.params)
        return super().authorize_security_group_egress()

    def describe_route_tables(self) -> ActionResult:
        mends.routes_with_state(self.backend)
        return super().describe_route_tables()

    def delete_subnet(self) -> ActionResult:
        result = super().delete_subnet()
        mends.forget_subnet(self.backend, self.params["SubnetId"])
        return result

    def delete_vpc(self) -> ActionResult:
        result = super().delete_vpc()
        mends.forget_vpc(self.backend, self.params["VpcId"])
        return result

    def disassociate_vpc_cidr_block(self) -> ActionResult:
        result = super().disassociate_vpc_cidr_block()
        mends.forget_cidr_block(self.backend, self.params["AssociationId"])
        return result
