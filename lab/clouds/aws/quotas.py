"""Service Quotas as moto answers it, and of EC2 the one quota that moto does not know."""

from __future__ import annotations

import json
from typing import ClassVar

from moto.servicequotas.responses import ServiceQuotasResponse

from lab.clouds.aws.behaviour import Behaviour

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html
ELASTIC_ADDRESSES = ("ec2", "L-0263D0A3")
_USUAL = {ELASTIC_ADDRESSES: 5.0}


class LabServiceQuotas(ServiceQuotasResponse):
    """One request. `behaviour` is set on a subclass for each running stand-in."""

    behaviour: ClassVar[Behaviour]

    def get_service_quota(self) -> str:
        asked = json.loads(self.body)
        key = (str(asked.get("ServiceCode")), str(asked.get("QuotaCode")))
        value = self.behaviour.quotas.get(key, _USUAL.get(key))
        if value is None:
            return str(super().get_service_quota())
        return json.dumps({"Quota": {"ServiceCode": key[0], "QuotaCode": key[1], "Value": value}})
