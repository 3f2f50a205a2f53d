"""Request bodies are held against the models of Oracle's SDK.

Does not prove that Oracle words its refusals like this, nor that it refuses no more than the models say.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.clouds.oci.errors import ApiError
from lab.clouds.oci.models import checked

VCN = {"compartmentId": "ocid1.compartment.oc1..lab", "cidrBlocks": ["10.0.0.0/16"]}
RULE = {"protocol": "6", "source": "0.0.0.0/0"}


def test_what_the_models_know_passes_without_its_nulls() -> None:
    assert checked("CreateVcnDetails", VCN | {"dnsLabel": None, "isIpv6Enabled": False}) == VCN | {
        "isIpv6Enabled": False
    }


def test_nested_models_and_subtypes_pass() -> None:
    body = {"drgId": "d", "networkDetails": {"type": "VCN", "id": "v", "vcnRouteType": "VCN_CIDRS"}}
    assert checked("CreateDrgAttachmentDetails", body) == body


@pytest.mark.parametrize(
    ("model", "body", "code", "message"),
    [
        ("CreateVcnDetails", VCN | {"cidr": "x"}, "InvalidParameter", "cidr: unknown attribute of CreateVcnDetails"),
        ("CreateVcnDetails", {"cidrBlocks": []}, "MissingParameter", "compartmentId is required"),
        ("CreateVcnDetails", VCN | {"dnsLabel": 7}, "InvalidParameter", "dnsLabel: must be of type str"),
        ("CreateVcnDetails", VCN | {"isIpv6Enabled": "no"}, "InvalidParameter", "isIpv6Enabled: must be of type bool"),
        ("CreateVcnDetails", VCN | {"cidrBlocks": "x"}, "InvalidParameter", "cidrBlocks: must be a list"),
        ("CreateVcnDetails", VCN | {"cidrBlocks": [1]}, "InvalidParameter", "cidrBlocks[0]: must be of type str"),
        (
            "CreateVcnDetails",
            VCN | {"freeformTags": {"a": 1}},
            "InvalidParameter",
            "freeformTags.a: must be of type str",
        ),
        ("CreateVcnDetails", VCN | {"freeformTags": []}, "InvalidParameter", "freeformTags: must be an object"),
        ("CreateVcnDetails", None, "CannotParseRequest", "the body must be a JSON object, a CreateVcnDetails"),
        ("DpdConfig", {"dpdTimeoutInSec": True}, "InvalidParameter", "dpdTimeoutInSec: must be of type int"),
        (
            "UpdateIPSecConnectionTunnelDetails",
            {"routing": "RIP"},
            "InvalidParameter",
            "routing: must be None or one of ['BGP', 'STATIC', 'POLICY']",
        ),
        (
            "UpdateIPSecConnectionTunnelDetails",
            {"phaseOneConfig": {"diffieHelmanGroup": "GROUP1"}},
            "InvalidParameter",
            "phaseOneConfig.diffieHelmanGroup: must be None or one of "
            "['GROUP2', 'GROUP5', 'GROUP14', 'GROUP19', 'GROUP20', 'GROUP24']",
        ),
        (
            "UpdateSecurityListDetails",
            {"ingressSecurityRules": [RULE, RULE | {"sourceType": "PLANET"}]},
            "InvalidParameter",
            "ingressSecurityRules[1].sourceType: not one of the values of its enumeration",
        ),
        (
            "UpdateSecurityListDetails",
            {"ingressSecurityRules": [RULE | {"tcpOptions": {"destinationPortRange": {"min": 1}}}]},
            "MissingParameter",
            "ingressSecurityRules[0].tcpOptions.destinationPortRange.max is required",
        ),
        (
            "CreateDrgAttachmentDetails",
            {"drgId": "d", "networkDetails": {"id": "v"}},
            "MissingParameter",
            "networkDetails.type is required",
        ),
        (
            "CreateDrgAttachmentDetails",
            {"drgId": "d", "networkDetails": "v"},
            "InvalidParameter",
            "networkDetails: DrgAttachmentNetworkCreateDetails must be an object",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_the_attribute(model: str, body: Any, code: str, message: str) -> None:
    with pytest.raises(ApiError) as refusal:
        checked(model, body)
    assert (refusal.value.status, refusal.value.code, refusal.value.message) == (400, code, message)
