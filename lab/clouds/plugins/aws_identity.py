"""AWS identities and parameters: role, its policies, instance profile, Parameter Store."""

from __future__ import annotations

from functools import partial
from typing import Any

from lab.clouds.plugins.aws_checks import all_of, at_most, json_object, one_of
from lab.clouds.plugins.aws_client import (
    client,
    given,
    read_tags,
    same_policy,
    tag_changes,
    tag_list,
    unless,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, Resource
from lab.clouds.plugins.values import Values

_GONE = ("NoSuchEntity",)
_NO_PARAMETER = ("ParameterNotFound",)


def _create_role(call: Call, inputs: Values) -> tuple[str, Values]:
    client(call, "iam").create_role(
        **given(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Description=inputs.get("description"),
            MaxSessionDuration=inputs.get("maxSessionDuration"),
            Path=inputs.get("path"),
            PermissionsBoundary=inputs.get("permissionsBoundary"),
            Tags=tag_list(inputs.get("tags")),
        )
    )
    identifier: str = inputs["name"]
    return identifier, _read_role(call, identifier, inputs) or {}


def _read_role(call: Call, identifier: str, state: Values) -> Values | None:
    iam = client(call, "iam")
    found = unless(_GONE, lambda: iam.get_role(RoleName=identifier))
    if found is None:
        return None
    # The real provider also reads, whoever put them there, a role's own policies and the attached ones.
    unless(_GONE, lambda: iam.list_role_policies(RoleName=identifier))
    unless(_GONE, lambda: iam.list_attached_role_policies(RoleName=identifier))
    role = found["Role"]
    return {
        "arn": role["Arn"],
        "assumeRolePolicy": same_policy(state.get("assumeRolePolicy"), role["AssumeRolePolicyDocument"]),
        "createDate": role["CreateDate"].isoformat(),
        "description": role.get("Description") or None,
        "maxSessionDuration": role.get("MaxSessionDuration"),
        "name": role["RoleName"],
        "path": role["Path"],
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "uniqueId": role["RoleId"],
        **read_tags(call, role.get("Tags")),
    }


def _update_role(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    iam = client(call, "iam")
    if inputs["assumeRolePolicy"] != state["assumeRolePolicy"]:
        iam.update_assume_role_policy(RoleName=identifier, PolicyDocument=inputs["assumeRolePolicy"])
    described = {"Description": inputs.get("description", "")}
    if "maxSessionDuration" in inputs:
        described["MaxSessionDuration"] = inputs["maxSessionDuration"]
    iam.update_role(RoleName=identifier, **described)
    boundary = inputs.get("permissionsBoundary")
    if boundary is not None:
        iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
    elif "permissionsBoundary" in state:
        iam.delete_role_permissions_boundary(RoleName=identifier)
    wanted, gone = tag_changes(state, inputs)
    if gone:
        iam.untag_role(RoleName=identifier, TagKeys=gone)
    if wanted:
        iam.tag_role(RoleName=identifier, Tags=tag_list(wanted))
    return _read_role(call, identifier, inputs) or {}


def _delete_role(call: Call, identifier: str, state: Values) -> None:
    iam = client(call, "iam")
    profiles = unless(_GONE, lambda: iam.list_instance_profiles_for_role(RoleName=identifier))
    for profile in profiles["InstanceProfiles"] if profiles else ():
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=identifier)
    if state.get("forceDetachPolicies"):
        policies = unless(_GONE, lambda: iam.list_role_policies(RoleName=identifier))
        for policy in policies["PolicyNames"] if policies else ():
            unless(_GONE, partial(iam.delete_role_policy, RoleName=identifier, PolicyName=policy))
    unless(_GONE, lambda: iam.delete_role(RoleName=identifier))


def _put_role_policy(call: Call, inputs: Values) -> tuple[str, Values]:
    client(call, "iam").put_role_policy(
        RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
    )
    identifier = f"{inputs['role']}:{inputs['name']}"
    return identifier, _read_role_policy(call, identifier, inputs) or {}


def _update_role_policy(call: Call, _identifier: str, _state: Values, inputs: Values) -> Values:
    return _put_role_policy(call, inputs)[1]


def _read_role_policy(call: Call, identifier: str, state: Values) -> Values | None:
    role, _, name = identifier.partition(":")
    found = unless(_GONE, lambda: client(call, "iam").get_role_policy(RoleName=role, PolicyName=name))
    if found is None:
        return None
    policy = same_policy(state.get("policy"), found["PolicyDocument"])
    return {"role": role, "name": name, "policy": policy}


def _delete_role_policy(call: Call, identifier: str, _state: Values) -> None:
    role, _, name = identifier.partition(":")
    unless(_GONE, lambda: client(call, "iam").delete_role_policy(RoleName=role, PolicyName=name))


def _create_profile(call: Call, inputs: Values) -> tuple[str, Values]:
    iam, name = client(call, "iam"), inputs["name"]
    iam.create_instance_profile(
        **given(InstanceProfileName=name, Path=inputs.get("path"), Tags=tag_list(inputs.get("tags")))
    )
    _set_profile_role(iam, name, None, inputs.get("role"))
    return name, _read_profile(call, name, inputs) or {}


def _set_profile_role(iam: Any, name: str, old: str | None, new: str | None) -> None:
    if old == new:
        return
    if old is not None:
        unless(_GONE, lambda: iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=old))
    if new is not None:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=new)


def _read_profile(call: Call, identifier: str, _state: Values) -> Values | None:
    found = unless(_GONE, lambda: client(call, "iam").get_instance_profile(InstanceProfileName=identifier))
    if found is None:
        return None
    profile = found["InstanceProfile"]
    return {
        "arn": profile["Arn"],
        "createDate": profile["CreateDate"].isoformat(),
        "name": profile["InstanceProfileName"],
        "path": profile["Path"],
        "role": profile["Roles"][0]["RoleName"] if profile["Roles"] else None,
        "uniqueId": profile["InstanceProfileId"],
        **read_tags(call, profile.get("Tags")),
    }


def _update_profile(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    iam = client(call, "iam")
    _set_profile_role(iam, identifier, state.get("role"), inputs.get("role"))
    wanted, gone = tag_changes(state, inputs)
    if gone:
        iam.untag_instance_profile(InstanceProfileName=identifier, TagKeys=gone)
    if wanted:
        iam.tag_instance_profile(InstanceProfileName=identifier, Tags=tag_list(wanted))
    return _read_profile(call, identifier, inputs) or {}


def _delete_profile(call: Call, identifier: str, state: Values) -> None:
    iam = client(call, "iam")
    _set_profile_role(iam, identifier, state.get("role"), None)
    unless(_GONE, lambda: iam.delete_instance_profile(InstanceProfileName=identifier))


def _parameter(inputs: Values) -> dict[str, Any]:
    return given(
        Name=inputs["name"],
        Type=inputs["type"],
        Value=inputs["value"],
        Description=inputs.get("description"),
        KeyId=inputs.get("keyId"),
        Tier=inputs.get("tier"),
        DataType=inputs.get("dataType"),
        AllowedPattern=inputs.get("allowedPattern"),
    )


def _create_parameter(call: Call, inputs: Values) -> tuple[str, Values]:
    tags = given(Tags=tag_list(inputs.get("tags")))
    client(call, "ssm", inputs).put_parameter(**_parameter(inputs), **tags, Overwrite=False)
    identifier: str = inputs["name"]
    return identifier, _read_parameter(call, identifier, inputs) or {}


def _read_parameter(call: Call, identifier: str, state: Values) -> Values | None:
    ssm = client(call, "ssm", state)
    found = unless(_NO_PARAMETER, lambda: ssm.get_parameter(Name=identifier, WithDecryption=True))
    if found is None:
        return None
    parameter = found["Parameter"]
    own = [{"Key": "Name", "Option": "Equals", "Values": [identifier]}]
    [described] = ssm.describe_parameters(ParameterFilters=own)["Parameters"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=identifier)["TagList"]
    return {
        "allowedPattern": described.get("AllowedPattern") or None,
        "arn": parameter["ARN"],
        "dataType": parameter.get("DataType", "text"),
        "description": described.get("Description") or None,
        "keyId": described.get("KeyId") or None,
        "name": parameter["Name"],
        "tier": described.get("Tier", "Standard"),
        "type": parameter["Type"],
        "value": parameter["Value"],
        "version": parameter["Version"],
        "region": ssm.meta.region_name,
        **read_tags(call, tags),
    }


def _update_parameter(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    ssm = client(call, "ssm", inputs)
    # What the program does not say, Amazon has filled in.
    if any(inputs[key] != state.get(key) for key in inputs.keys() - {"tags", "region"}):
        ssm.put_parameter(**_parameter(inputs), Overwrite=True)
    wanted, gone = tag_changes(state, inputs)
    if gone:
        ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=identifier, TagKeys=gone)
    if wanted:
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=identifier, Tags=tag_list(wanted))
    return _read_parameter(call, identifier, inputs) or {}


def _delete_parameter(call: Call, identifier: str, state: Values) -> None:
    unless(_NO_PARAMETER, lambda: client(call, "ssm", state).delete_parameter(Name=identifier))


RESOURCES = {
    "aws:iam/role:Role": Resource(
        inputs=frozenset(
            {
                "assumeRolePolicy",
                "description",
                "forceDetachPolicies",
                "maxSessionDuration",
                "name",
                "path",
                "permissionsBoundary",
                "tags",
            }
        ),
        required=frozenset({"assumeRolePolicy"}),
        force_new=frozenset({"name", "path"}),
        computed=frozenset({"arn", "createDate", "tagsAll", "uniqueId"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(json_object("assumeRolePolicy"), at_most("name", 64)),
        create=_create_role,
        read=_read_role,
        update=_update_role,
        delete=_delete_role,
    ),
    "aws:iam/rolePolicy:RolePolicy": Resource(
        inputs=frozenset({"name", "policy", "role"}),
        required=frozenset({"policy", "role"}),
        force_new=frozenset({"name", "role"}),
        auto_name="name",
        check=all_of(json_object("policy"), at_most("name", 128)),
        create=_put_role_policy,
        read=_read_role_policy,
        update=_update_role_policy,
        delete=_delete_role_policy,
    ),
    "aws:iam/instanceProfile:InstanceProfile": Resource(
        inputs=frozenset({"name", "path", "role", "tags"}),
        force_new=frozenset({"name", "path"}),
        computed=frozenset({"arn", "createDate", "tagsAll", "uniqueId"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(at_most("name", 128)),
        create=_create_profile,
        read=_read_profile,
        update=_update_profile,
        delete=_delete_profile,
    ),
    "aws:ssm/parameter:Parameter": Resource(
        inputs=frozenset(
            {
                "allowedPattern",
                "dataType",
                "description",
                "keyId",
                "name",
                "region",
                "tags",
                "tier",
                "type",
                "value",
            }
        ),
        required=frozenset({"type", "value"}),
        force_new=frozenset({"dataType", "name", "region"}),
        computed=frozenset({"arn", "dataType", "keyId", "tagsAll", "tier", "version"}),
        # Not by other tags: the provider's own rule.
        recomputed={"version": frozenset({"value"})},
        secret_outputs=frozenset({"value"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(
            one_of("type", ("SecureString", "String", "StringList")),
            one_of("tier", ("Advanced", "Intelligent-Tiering", "Standard")),
        ),
        create=_create_parameter,
        read=_read_parameter,
        update=_update_parameter,
        delete=_delete_parameter,
    ),
}
