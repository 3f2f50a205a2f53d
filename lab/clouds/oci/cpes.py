"""Customer-premises equipment, and the list of devices that Oracle knows."""

from __future__ import annotations

from lab.clouds.oci import addressing
from lab.clouds.oci.api import Answer, Collection, Request, Route, described, listed, routes_of
from lab.clouds.oci.errors import conflict, not_found, unknown_related
from lab.clouds.oci.store import CONNECTION, CPE, Body, Resource, Store


def routes() -> list[Route]:
    return [
        *routes_of(_CPES),
        Route("GET", "/cpeDeviceShapes", "ListCpeDeviceShapes", _list_shapes),
        Route("GET", "/cpeDeviceShapes/{id}", "GetCpeDeviceShape", _get_shape),
    ]


def _create(store: Store, details: Body) -> Resource:
    addressing.address(details["ipAddress"], "ipAddress")
    _check_shape(store, details)
    body = described(store, details, "ipAddress", "cpeDeviceShapeId")
    return store.add(CPE, body | {"isPrivate": details.get("isPrivate", False)})


def _update(store: Store, cpe: Resource, details: Body) -> None:
    _check_shape(store, details)
    if "cpeDeviceShapeId" in details:
        cpe.body["cpeDeviceShapeId"] = details["cpeDeviceShapeId"]


def _check_shape(store: Store, details: Body) -> None:
    ocid = details.get("cpeDeviceShapeId")
    if ocid is not None and not any(shape["id"] == ocid for shape in _shapes(store)):
        raise unknown_related("cpeDeviceShapeId", ocid)


def _delete(store: Store, cpe: Resource) -> None:
    for connection in store.of(CONNECTION, cpeId=cpe.id):
        raise conflict(f"CPE {cpe.id} is used by IPSec connection {connection.id}")
    store.end(cpe)


def _shapes(store: Store) -> list[Body]:
    devices = [
        ("Cisco", "ASA 9.7.1 or later"),
        ("Juniper", "MX Series JunOS 15.0 or later"),
        ("Other", "Other"),
    ]
    if store.behaviour.lists_libreswan:
        devices.append(("Libreswan", "3.18 or later"))
    return [
        {
            "id": f"ocid1.cpedeviceshape.oc1..{vendor.lower():a<60}",
            "cpeDeviceInfo": {"vendor": vendor, "platformSoftwareVersion": version},
        }
        for vendor, version in devices
    ]


def _list_shapes(store: Store, request: Request) -> Answer:
    return listed(store, _shapes(store))


def _get_shape(store: Store, request: Request) -> Answer:
    for shape in _shapes(store):
        if shape["id"] == request.ids["id"]:
            detail = {"cpeDeviceShapeId": shape["id"], "cpeDeviceInfo": shape["cpeDeviceInfo"]}
            return Answer(detail | {"parameters": [], "template": ""})
    raise not_found(request.ids["id"])


_CPES = Collection(
    CPE, "cpes", "Cpe", "Cpes",
    create=_create, create_model="CreateCpeDetails",
    update=_update, update_model="UpdateCpeDetails", delete=_delete, filters=(),
)  # fmt: skip
