"""What a tunnel can be told, and what Oracle refuses. Pure: attributes in, attributes out.

Enumerations and types have been checked before, against the SDK's models. Documented unless marked assumed.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from lab.clouds.oci import addressing
from lab.clouds.oci.errors import invalid, missing
from lab.clouds.oci.store import Body

ORACLE_ASN = "31898"
_LONGEST_LIFETIME = 86_400


def defaults() -> Body:
    """A tunnel as it is born (Oracle: Network/Reference/supportedIPsecparams.htm; V1 is assumed)."""
    return {
        "routing": "STATIC",
        "ikeVersion": "V1",
        "oracleCanInitiate": "INITIATOR_OR_RESPONDER",
        "natTranslationEnabled": "AUTO",
        "dpdMode": "INITIATE_AND_RESPOND",
        "dpdTimeoutInSec": 20,
        "bgpSessionInfo": {"oracleBgpAsn": ORACLE_ASN, "bgpState": "DOWN"},
        "phaseOneDetails": {"isCustomPhaseOneConfig": False, "lifetime": 28_800},
        "phaseTwoDetails": {
            "isCustomPhaseTwoConfig": False,
            "lifetime": 3_600,
            "isPfsEnabled": True,
            "dhGroup": "GROUP5",
        },
    }


def applied(tunnel: Body, details: Body) -> Body:
    """The tunnel's attributes after an update by these details. Raises 400."""
    changed = dict(tunnel)
    for given, shown in (
        ("displayName", "displayName"),
        ("routing", "routing"),
        ("ikeVersion", "ikeVersion"),
        ("oracleInitiation", "oracleCanInitiate"),
        ("natTranslationEnabled", "natTranslationEnabled"),
    ):
        if given in details:
            changed[shown] = details[given]
    dpd = details.get("dpdConfig", {})
    changed["dpdMode"] = dpd.get("dpdMode", tunnel["dpdMode"])
    changed["dpdTimeoutInSec"] = dpd.get("dpdTimeoutInSec", tunnel["dpdTimeoutInSec"])
    if not 20 <= changed["dpdTimeoutInSec"] <= _LONGEST_LIFETIME:  # Assumed, from the console's form.
        raise invalid("dpdConfig.dpdTimeoutInSec", f"{changed['dpdTimeoutInSec']} is not 20 to {_LONGEST_LIFETIME}")
    if "phaseOneConfig" in details:
        changed["phaseOneDetails"] = _phase_one(tunnel["phaseOneDetails"], details["phaseOneConfig"])
    if "phaseTwoConfig" in details:
        changed["phaseTwoDetails"] = _phase_two(tunnel["phaseTwoDetails"], details["phaseTwoConfig"])
    if "bgpSessionConfig" in details:
        changed["bgpSessionInfo"] = _session(tunnel["bgpSessionInfo"], details["bgpSessionConfig"])
    if changed["routing"] == "POLICY" and "encryptionDomainConfig" in details:
        changed["encryptionDomainConfig"] = details["encryptionDomainConfig"]
    _check_routing(changed)
    return changed


def inside_network(tunnel: Body) -> IPv4Network | None:
    """The network of the tunnel's inside addresses, if it has them. Raises 400 for one without the other."""
    session = tunnel["bgpSessionInfo"]
    oracle, customer = session.get("oracleInterfaceIp"), session.get("customerInterfaceIp")
    if not oracle and not customer:
        return None
    for name in ("oracleInterfaceIp", "customerInterfaceIp"):
        if not session.get(name):
            raise missing(f"bgpSessionConfig.{name}")
    return addressing.inside_pair(oracle, customer, "bgpSessionConfig")


def check_shared_secret(text: str) -> None:
    """Letters, digits and spaces (documented), at most 64 (assumed). Never repeats the text."""
    if not re.fullmatch(r"[A-Za-z0-9 ]{1,64}", text):
        raise invalid("sharedSecret", "must be 1 to 64 letters, digits and spaces")


def _session(session: Body, config: Body) -> Body:
    changed = dict(session)
    for name in ("oracleInterfaceIp", "customerInterfaceIp", "customerBgpAsn"):
        if name in config:
            # Documented: an empty string removes the value.
            changed[name] = config[name] or None
    return {name: value for name, value in changed.items() if value is not None}


def _check_routing(tunnel: Body) -> None:
    session = tunnel["bgpSessionInfo"]
    inside_network(tunnel)
    if tunnel["routing"] == "BGP":
        for name in ("customerBgpAsn", "customerInterfaceIp", "oracleInterfaceIp"):
            if name not in session:
                raise missing(f"bgpSessionConfig.{name}")
        if not session["customerBgpAsn"].isdecimal() or session["customerBgpAsn"] == ORACLE_ASN:
            raise invalid("bgpSessionConfig.customerBgpAsn", f"{session['customerBgpAsn']!r} is not another AS number")
    elif "customerBgpAsn" in session:
        raise invalid("bgpSessionConfig.customerBgpAsn", f"must be null with routing {tunnel['routing']}")


def _phase_one(details: Body, config: Body) -> Body:
    changed = {
        "isCustomPhaseOneConfig": config.get("isCustomPhaseOneConfig", details["isCustomPhaseOneConfig"]),
        "lifetime": _lifetime(config, details["lifetime"], "phaseOneConfig"),
    }
    names = {
        "customEncryptionAlgorithm": "encryptionAlgorithm",
        "customAuthenticationAlgorithm": "authenticationAlgorithm",
        "customDhGroup": "diffieHelmanGroup",
    }
    if changed["isCustomPhaseOneConfig"]:
        changed |= _custom(details, config, names, "phaseOneConfig")
    return changed


def _phase_two(details: Body, config: Body) -> Body:
    changed = {
        "isCustomPhaseTwoConfig": config.get("isCustomPhaseTwoConfig", details["isCustomPhaseTwoConfig"]),
        "lifetime": _lifetime(config, details["lifetime"], "phaseTwoConfig"),
        "isPfsEnabled": config.get("isPfsEnabled", details["isPfsEnabled"]),
    }
    if changed["isPfsEnabled"]:
        changed["dhGroup"] = config.get("pfsDhGroup", details.get("dhGroup", "GROUP5"))
    elif "pfsDhGroup" in config:
        raise invalid("phaseTwoConfig.pfsDhGroup", "not allowed without isPfsEnabled")
    if changed["isCustomPhaseTwoConfig"]:
        names = {"customEncryptionAlgorithm": "encryptionAlgorithm"}
        cipher: str = config.get("encryptionAlgorithm") or details.get("customEncryptionAlgorithm", "")
        if not cipher.endswith("_GCM"):
            names["customAuthenticationAlgorithm"] = "authenticationAlgorithm"
        elif "authenticationAlgorithm" in config:  # Assumed: GCM authenticates by itself.
            raise invalid("phaseTwoConfig.authenticationAlgorithm", f"not allowed with {cipher}")
        changed |= _custom(details, config, names, "phaseTwoConfig")
    return changed


def _custom(details: Body, config: Body, names: dict[str, str], path: str) -> Body:
    """Custom algorithms: all or none (assumed)."""
    chosen = {}
    for shown, given in names.items():
        value = config.get(given, details.get(shown))
        if value is None:
            raise missing(f"{path}.{given}")
        chosen[shown] = value
    return chosen


def _lifetime(config: Body, present: int, path: str) -> int:
    seconds: int = config.get("lifetimeInSeconds", present)
    if not 1 <= seconds <= _LONGEST_LIFETIME:  # Assumed.
        raise invalid(f"{path}.lifetimeInSeconds", f"{seconds} is not 1 to {_LONGEST_LIFETIME}")
    return seconds
