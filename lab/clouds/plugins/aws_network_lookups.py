"""AWS look-ups of networks that are there already."""

from __future__ import annotations

from lab.clouds.plugins.aws_client import arn, client, read_tags, region
from lab.clouds.plugins.aws_query import only, query, query_filters
from lab.clouds.plugins.table import Call, Lookup, ProviderError
from lab.clouds.plugins.values import Values


def _get_vpc(call: Call, arguments: Values) -> Values:
    wanted = query_filters(arguments, cidrBlock="cidr", dhcpOptionsId="dhcp-options-id", state="state")
    if "default" in arguments:
        wanted.append({"Name": "is-default", "Values": [str(arguments["default"]).lower()]})
    found = query(call, arguments, "describe_vpcs", "Vpcs", Filters=wanted, **_ids(arguments, "id", "VpcIds"))
    vpc = only(found, "EC2 VPC")
    ec2, identifier = client(call, "ec2", arguments), vpc["VpcId"]

    def attribute(name: str, field: str) -> bool:
        value: bool = ec2.describe_vpc_attribute(VpcId=identifier, Attribute=name)[field]["Value"]
        return value

    main = [
        {"Name": "vpc-id", "Values": [identifier]},
        {"Name": "association.main", "Values": ["true"]},
    ]
    return {
        "id": identifier,
        "arn": arn(call, "ec2", f"vpc/{identifier}", arguments),
        "cidrBlock": vpc["CidrBlock"],
        "cidrBlockAssociations": [
            {
                "associationId": one["AssociationId"],
                "cidrBlock": one["CidrBlock"],
                "state": one["CidrBlockState"]["State"],
            }
            for one in vpc["CidrBlockAssociationSet"]
        ],
        "default": vpc["IsDefault"],
        "dhcpOptionsId": vpc["DhcpOptionsId"],
        "enableDnsHostnames": attribute("enableDnsHostnames", "EnableDnsHostnames"),
        "enableDnsSupport": attribute("enableDnsSupport", "EnableDnsSupport"),
        "enableNetworkAddressUsageMetrics": False,
        "instanceTenancy": vpc["InstanceTenancy"],
        "ipv6CidrBlockAssociations": [],
        "mainRouteTableId": ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"],
        "ownerId": vpc["OwnerId"],
        "region": ec2.meta.region_name,
        "state": vpc["State"],
        "tags": read_tags(call, vpc.get("Tags"))["tagsAll"],
    }


def _ids(arguments: Values, key: str, name: str) -> dict[str, list[str]]:
    return {name: [arguments[key]]} if arguments.get(key) else {}


def _get_subnet(call: Call, arguments: Values) -> Values:
    wanted = query_filters(
        arguments,
        availabilityZone="availability-zone",
        availabilityZoneId="availability-zone-id",
        cidrBlock="cidr-block",
        state="state",
        vpcId="vpc-id",
    )
    found = query(call, arguments, "describe_subnets", "Subnets", Filters=wanted, **_ids(arguments, "id", "SubnetIds"))
    subnet = only(found, "EC2 Subnet")
    return {
        "id": subnet["SubnetId"],
        "arn": subnet["SubnetArn"],
        "assignIpv6AddressOnCreation": subnet["AssignIpv6AddressOnCreation"],
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet["AvailabilityZoneId"],
        "availableIpAddressCount": subnet["AvailableIpAddressCount"],
        "cidrBlock": subnet["CidrBlock"],
        "customerOwnedIpv4Pool": "",
        "defaultForAz": subnet["DefaultForAz"],
        "enableDns64": False,
        "enableLniAtDeviceIndex": 0,
        "enableResourceNameDnsARecordOnLaunch": False,
        "enableResourceNameDnsAaaaRecordOnLaunch": False,
        "ipv6CidrBlock": "",
        "ipv6CidrBlockAssociationId": "",
        "ipv6Native": False,
        "mapCustomerOwnedIpOnLaunch": False,
        "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
        "outpostArn": "",
        "ownerId": subnet["OwnerId"],
        "privateDnsHostnameTypeOnLaunch": "ip-name",
        "region": arguments.get("region") or region(call),
        "state": subnet["State"],
        "tags": read_tags(call, subnet.get("Tags"))["tagsAll"],
        "vpcId": subnet["VpcId"],
    }


_ROUTE = {
    "carrierGatewayId": "CarrierGatewayId",
    "cidrBlock": "DestinationCidrBlock",
    "coreNetworkArn": "CoreNetworkArn",
    "destinationPrefixListId": "DestinationPrefixListId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "instanceId": "InstanceId",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "localGatewayId": "LocalGatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "odbNetworkArn": "OdbNetworkArn",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}


def _get_route_table(call: Call, arguments: Values) -> Values:
    wanted = query_filters(
        arguments,
        routeTableId="route-table-id",
        vpcId="vpc-id",
        subnetId="association.subnet-id",
        gatewayId="association.gateway-id",
    )
    if not wanted:
        raise ProviderError("one of route_table_id, vpc_id, subnet_id, gateway_id, filters, or tags must be assigned")
    table = only(query(call, arguments, "describe_route_tables", "RouteTables", Filters=wanted), "Route Table")
    identifier = table["RouteTableId"]
    return {
        "id": identifier,
        "arn": arn(call, "ec2", f"route-table/{identifier}", arguments),
        "associations": [
            {
                "gatewayId": one.get("GatewayId", ""),
                "main": one["Main"],
                "routeTableAssociationId": one["RouteTableAssociationId"],
                "routeTableId": one["RouteTableId"],
                "subnetId": one.get("SubnetId", ""),
            }
            for one in table["Associations"]
        ],
        "gatewayId": arguments.get("gatewayId", ""),
        "ownerId": table["OwnerId"],
        "region": arguments.get("region") or region(call),
        "routeTableId": identifier,
        # The VPC's own routes are left out, as the real look-up does.
        "routes": [
            {key: route.get(name, "") for key, name in _ROUTE.items()}
            for route in table["Routes"]
            if route.get("GatewayId") != "local"
        ],
        "subnetId": arguments.get("subnetId", ""),
        "tags": read_tags(call, table.get("Tags"))["tagsAll"],
        "vpcId": table["VpcId"],
    }


def _get_internet_gateway(call: Call, arguments: Values) -> Values:
    wanted = query_filters(arguments, internetGatewayId="internet-gateway-id")
    found = query(call, arguments, "describe_internet_gateways", "InternetGateways", Filters=wanted)
    gateway = only(found, "EC2 Internet Gateway")
    identifier = gateway["InternetGatewayId"]
    return {
        "id": identifier,
        "arn": arn(call, "ec2", f"internet-gateway/{identifier}", arguments),
        "attachments": [{"state": one["State"], "vpcId": one["VpcId"]} for one in gateway["Attachments"]],
        "internetGatewayId": identifier,
        "ownerId": gateway["OwnerId"],
        "region": arguments.get("region") or region(call),
        "tags": read_tags(call, gateway.get("Tags"))["tagsAll"],
    }


def _listing(operation: str, key: str, field: str, **fields: str) -> Lookup:
    """A look-up that gives ids only."""

    def get(call: Call, arguments: Values) -> Values:
        found = query(call, arguments, operation, key, Filters=query_filters(arguments, **fields))
        place = arguments.get("region") or region(call)
        return {**arguments, "id": place, "ids": [one[field] for one in found], "region": place}

    return get


FUNCTIONS: dict[str, Lookup] = {
    "aws:ec2/getInternetGateway:getInternetGateway": _get_internet_gateway,
    "aws:ec2/getNetworkAcls:getNetworkAcls": _listing(
        "describe_network_acls", "NetworkAcls", "NetworkAclId", vpcId="vpc-id"
    ),
    "aws:ec2/getNetworkInterfaces:getNetworkInterfaces": _listing(
        "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"
    ),
    "aws:ec2/getRouteTable:getRouteTable": _get_route_table,
    "aws:ec2/getSubnet:getSubnet": _get_subnet,
    "aws:ec2/getVpc:getVpc": _get_vpc,
}
