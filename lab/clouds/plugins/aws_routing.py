"""AWS routing: route table, route, route table association."""

from __future__ import annotations

import zlib
from typing import Any

from lab.clouds.plugins.aws_checks import all_of, cidr, exactly_one
from lab.clouds.plugins.aws_client import (
    NO_ASSOCIATION,
    arn,
    client,
    filters,
    given,
    read_tags,
    remove,
    retag,
    tag_specification,
    unless,
    until,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, ProviderError, Resource
from lab.clouds.plugins.values import Values

# Property -> the API's name.
TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
_NO_TABLE = "InvalidRouteTableID.NotFound"


def find_table(ec2: Any, identifier: str) -> Any:
    """The API's route table, or None."""
    found = unless([_NO_TABLE], lambda: ec2.describe_route_tables(RouteTableIds=[identifier]))
    return found["RouteTables"][0] if found else None


def _create_table(call: Call, inputs: Values) -> tuple[str, Values]:
    made = client(call, "ec2", inputs).create_route_table(
        **given(VpcId=inputs["vpcId"], TagSpecifications=tag_specification("route-table", inputs.get("tags")))
    )
    identifier: str = made["RouteTable"]["RouteTableId"]
    return identifier, _read_table(call, identifier, inputs) or {}


def _read_table(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    table = find_table(ec2, identifier)
    if table is None:
        return None
    return {
        "arn": arn(call, "ec2", f"route-table/{identifier}", state),
        "ownerId": table["OwnerId"],
        "vpcId": table["VpcId"],
        "region": ec2.meta.region_name,
        **read_tags(call, table.get("Tags")),
    }


def _update_table(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    retag(client(call, "ec2", inputs), identifier, state, inputs)
    return _read_table(call, identifier, inputs) or {}


def _delete_table(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    table = find_table(ec2, identifier)
    if table is None:
        return
    for association in table["Associations"]:
        if not association["Main"]:
            _disassociate(ec2, association)
    remove(call, _NO_TABLE, lambda: ec2.delete_route_table(RouteTableId=identifier))


def _disassociate(ec2: Any, association: Any) -> None:
    unless(
        [NO_ASSOCIATION],
        lambda: ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"]),
    )


def _create_route(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    table, destination = inputs["routeTableId"], inputs["destinationCidrBlock"]
    if _find_route(ec2, table, destination) is not None:
        raise ProviderError(f"a route in Route Table ({table}) with destination ({destination}) already exists")
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **_target(inputs))
    until(
        call,
        f"route {table} {destination}",
        lambda: "present" if _find_route(ec2, table, destination) else "absent",
        "present",
        seconds=60,
    )
    identifier = f"r-{table}{zlib.crc32(destination.encode())}"
    return identifier, _read_route(call, identifier, inputs) or {}


def _find_route(ec2: Any, table_id: str, destination: str) -> Any:
    table = find_table(ec2, table_id)
    routes = table["Routes"] if table else []
    return next((route for route in routes if route.get("DestinationCidrBlock") == destination), None)


def _target(inputs: Values) -> dict[str, str]:
    return {name: inputs[key] for key, name in TARGETS.items() if inputs.get(key)}


def _read_route(call: Call, _identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    route = _find_route(ec2, state["routeTableId"], state["destinationCidrBlock"])
    if route is None:
        return None
    return {
        **{key: route.get(name) for key, name in TARGETS.items()},
        "destinationCidrBlock": route["DestinationCidrBlock"],
        "instanceId": route.get("InstanceId", ""),
        "instanceOwnerId": route.get("InstanceOwnerId", ""),
        "origin": route.get("Origin"),
        "routeTableId": state["routeTableId"],
        "state": route.get("State"),
        "region": ec2.meta.region_name,
    }


def _update_route(call: Call, identifier: str, _state: Values, inputs: Values) -> Values:
    client(call, "ec2", inputs).replace_route(
        RouteTableId=inputs["routeTableId"],
        DestinationCidrBlock=inputs["destinationCidrBlock"],
        **_target(inputs),
    )
    return _read_route(call, identifier, inputs) or {}


def _delete_route(call: Call, _identifier: str, state: Values) -> None:
    unless(
        ["InvalidRoute.NotFound", _NO_TABLE],
        lambda: client(call, "ec2", state).delete_route(
            RouteTableId=state["routeTableId"], DestinationCidrBlock=state["destinationCidrBlock"]
        ),
    )


def _create_association(call: Call, inputs: Values) -> tuple[str, Values]:
    made = client(call, "ec2", inputs).associate_route_table(
        **given(
            RouteTableId=inputs["routeTableId"],
            SubnetId=inputs.get("subnetId"),
            GatewayId=inputs.get("gatewayId"),
        )
    )
    identifier: str = made["AssociationId"]
    return identifier, _read_association(call, identifier, inputs) or {}


def _find_association(ec2: Any, state: Values) -> Any:
    # By subnet and not by id: replacing an association gives it a new one, which an update cannot tell the engine.
    wanted = filters(association__subnet_id=state.get("subnetId"), association__gateway_id=state.get("gatewayId"))
    for table in ec2.describe_route_tables(Filters=wanted)["RouteTables"]:
        for association in table["Associations"]:
            if (association.get("SubnetId"), association.get("GatewayId")) == (
                state.get("subnetId"),
                state.get("gatewayId"),
            ):
                return association
    return None


def _read_association(call: Call, _identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = _find_association(ec2, state)
    if found is None:
        return None
    return {
        "routeTableId": found["RouteTableId"],
        "subnetId": found.get("SubnetId"),
        "gatewayId": found.get("GatewayId"),
        "region": ec2.meta.region_name,
    }


def _update_association(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ec2 = client(call, "ec2", inputs)
    found = _find_association(ec2, state)
    if found is None:
        raise ProviderError(f"the route table association {identifier} is gone")
    ec2.replace_route_table_association(
        AssociationId=found["RouteTableAssociationId"], RouteTableId=inputs["routeTableId"]
    )
    return _read_association(call, identifier, inputs) or {}


def _delete_association(call: Call, _identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    found = _find_association(ec2, state)
    if found is not None and found["RouteTableId"] == state["routeTableId"]:
        _disassociate(ec2, found)


RESOURCES = {
    "aws:ec2/routeTable:RouteTable": Resource(
        inputs=frozenset({"vpcId", "region", "tags"}),
        required=frozenset({"vpcId"}),
        force_new=frozenset({"vpcId", "region"}),
        computed=frozenset({"arn", "ownerId", "tagsAll"}),
        defaults=with_default_tags,
        create=_create_table,
        read=_read_table,
        update=_update_table,
        delete=_delete_table,
    ),
    "aws:ec2/route:Route": Resource(
        inputs=frozenset({"routeTableId", "destinationCidrBlock", "region", *TARGETS}),
        required=frozenset({"routeTableId"}),
        force_new=frozenset({"routeTableId", "destinationCidrBlock", "region"}),
        computed=frozenset({"instanceId", "instanceOwnerId", "origin", "state"}),
        check=all_of(exactly_one("destinationCidrBlock"), cidr("destinationCidrBlock"), exactly_one(*TARGETS)),
        create=_create_route,
        read=_read_route,
        update=_update_route,
        delete=_delete_route,
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Resource(
        inputs=frozenset({"routeTableId", "subnetId", "gatewayId", "region"}),
        required=frozenset({"routeTableId"}),
        force_new=frozenset({"subnetId", "gatewayId", "region"}),
        check=all_of(exactly_one("subnetId", "gatewayId")),
        create=_create_association,
        read=_read_association,
        update=_update_association,
        delete=_delete_association,
    ),
}
