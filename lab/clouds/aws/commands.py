"""SSM as moto answers it, but for commands on hosts: moto runs any anywhere, and AWS needs an agent that is there."""

from __future__ import annotations

from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from lab.clouds.aws.behaviour import Behaviour


class LabSsm(SimpleSystemManagerResponse):
    """One request. `behaviour` is set on a subclass for each running stand-in."""

    behaviour: ClassVar[Behaviour]

    def send_command(self) -> ActionResult:
        for instance_id in self._get_param("InstanceIds", []):
            if instance_id not in self.behaviour.host_answers:
                raise SSMException("InvalidInstanceId", f"Instances [[{instance_id}]] not in a valid state")
        return super().send_command()

    def get_command_invocation(self) -> ActionResult:
        result = super().get_command_invocation()
        said: Any = result.result
        answer = self.behaviour.host_answers[self._get_param("InstanceId")]
        asked = self.ssm_backend.get_command_by_id(self._get_param("CommandId")).parameters["commands"][0]
        said |= {"Status": "Success", "StandardOutputContent": answer(asked), "StandardErrorContent": ""}
        return result
