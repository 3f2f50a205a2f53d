"""The limits service: how many of a kind may still be made. An API of its own, with a version of its own.

Names of services and limits as `oci limits value list` shows them. That a limit which nobody has set is far away is
this emulator's choice.
"""

from __future__ import annotations

from lab.clouds.oci.api import LIMITS, Answer, Request, Route
from lab.clouds.oci.errors import missing, not_found
from lab.clouds.oci.store import CONNECTION, CPE, DRG, VCN, Store

_KINDS = {
    ("vpn", "ipsec-connection-count"): CONNECTION,
    ("vpn", "cpe-count"): CPE,
    ("vcn", "drg-count"): DRG,
    ("vcn", "vcn-count"): VCN,
}
_FAR_AWAY = 100


def routes() -> list[Route]:
    path = "/services/{service}/limits/{limit}/resourceAvailability"
    return [Route("GET", path, "GetResourceAvailability", _availability, version=LIMITS)]


def _availability(store: Store, request: Request) -> Answer:
    if "compartmentId" not in request.query:
        raise missing("compartmentId")
    kind = _KINDS.get((request.ids["service"], request.ids["limit"]))
    if kind is None:
        raise not_found(request.ids["limit"])
    used = len(store.of(kind))
    limit = store.behaviour.limits.get(kind.ocid, used + _FAR_AWAY)
    return Answer({"used": used, "available": max(limit - used, 0)})
