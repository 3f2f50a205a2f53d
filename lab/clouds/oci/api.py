"""The shape of the API: requests, answers, and the five calls that every collection has."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lab.clouds.oci.errors import incorrect_state, invalid, missing
from lab.clouds.oci.models import checked
from lab.clouds.oci.store import Body, Kind, Resource, Store


@dataclass(frozen=True)
class Request:
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    if_match: str | None = None


@dataclass(frozen=True)
class Answer:
    body: object = None
    etag: str | None = None
    status: int = 200


# Oracle's services that are here, by the version in their paths.
CORE, MONITORING, NOTIFICATIONS, LIMITS = "20160918", "20180401", "20181201", "20190729"
SERVICES = {CORE: "core", MONITORING: "monitoring", NOTIFICATIONS: "ons", LIMITS: "limits"}

Handler = Callable[[Store, Request], Answer]
Observer = Callable[[Store, Request], None]


@dataclass(frozen=True)
class Route:
    """One operation of the API, such as `ListSubnets`, GET /subnets."""

    method: str
    template: str
    operation: str
    handle: Handler
    observe: Observer | None = None
    """Runs before `handle`, without the store's lock: it may ask the world outside."""
    version: str = CORE

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", f"/{self.version}{self.template}"))


@dataclass(frozen=True)
class Collection:
    """A collection of the API and what is particular about it. Each function raises ApiError to refuse."""

    kind: Kind
    path: str
    noun: str
    plural: str
    create: Callable[[Store, Body], Resource] | None = None
    """From a checked body."""
    create_model: str = ""
    update: Callable[[Store, Resource, Body], None] | None = None
    """Changes the resource by a checked body; names and tags have already been taken over."""
    update_model: str = ""
    delete: Callable[[Store, Resource], None] | None = None
    """Checks that nothing needs it, then ends it."""
    filters: Sequence[str] = ("vcnId",)
    """Query parameters that are attributes, beside compartmentId, displayName and lifecycleState."""
    required_filters: Sequence[str] = ("compartmentId",)
    version: str = CORE


_COMMON_FILTERS = ("compartmentId", "displayName", "lifecycleState")
_COMMON_UPDATES = ("displayName", "freeformTags", "definedTags")


def shown(resource: Resource) -> Answer:
    return Answer(copy.deepcopy(resource.body), resource.etag)


def listed(store: Store, items: Sequence[Body]) -> Answer:
    """The items, begun at another place from call to call: no order is promised."""
    if not store.behaviour.listings_move or not items:
        return Answer(copy.deepcopy(list(items)))
    store.listings += 1
    start = store.listings % len(items)
    return Answer(copy.deepcopy([*items[start:], *items[:start]]))


def check_tags(store: Store, body: Body) -> None:
    tags = body.get("freeformTags", {})
    limit = store.behaviour.max_freeform_tags
    if len(tags) > limit:
        raise invalid("freeformTags", f"{len(tags)} tags given, at most {limit} allowed")
    for key, value in tags.items():
        if not 1 <= len(key) <= 100 or len(value) > 256:
            raise invalid("freeformTags", f"{key!r}: keys are 1 to 100 characters, values at most 256")


def described(store: Store, details: Body, *names: str) -> Body:
    """What every resource takes over from its details, and the attributes named."""
    check_tags(store, details)
    for tag in store.behaviour.required_tags:
        space, _, key = tag.partition(".")
        if key not in details.get("definedTags", {}).get(space, {}):
            raise invalid("definedTags", f"{tag} is required in this compartment")
    body = {name: details[name] for name in ("compartmentId", "displayName", *names) if name in details}
    defaults = {space: dict(tags) for space, tags in store.behaviour.tag_defaults.items()}
    body["freeformTags"] = details.get("freeformTags", {})
    body["definedTags"] = defaults | details.get("definedTags", {})
    return body


def routes_of(collection: Collection) -> list[Route]:
    """The calls of one collection that the emulator has."""
    one = f"/{collection.path}/{{id}}"
    routes = [
        Route("GET", f"/{collection.path}", f"List{collection.plural}", _list(collection)),
        Route(
            "GET",
            one,
            f"Get{collection.noun}",
            lambda store, request: shown(_target(store, request, collection)),
        ),
    ]
    if collection.create:
        routes.append(Route("POST", f"/{collection.path}", f"Create{collection.noun}", _create(collection)))
    if collection.update_model:
        routes.append(Route("PUT", one, f"Update{collection.noun}", _update(collection)))
    if collection.delete:
        routes.append(Route("DELETE", one, f"Delete{collection.noun}", _delete(collection)))
    return [replace(route, version=collection.version) for route in routes]


def _target(store: Store, request: Request, collection: Collection) -> Resource:
    return store.get(collection.kind, request.ids["id"], request.if_match)


def _list(collection: Collection) -> Handler:
    known = (*_COMMON_FILTERS, *collection.filters)

    def handle(store: Store, request: Request) -> Answer:
        for name in collection.required_filters:
            if not request.query.get(name):
                raise missing(name)
        wanted = {name: request.query[name] for name in known if name in request.query}
        return listed(
            store,
            [
                resource.body
                for resource in store.visible(collection.kind)
                if all(_matches(resource.body, name, value) for name, value in wanted.items())
            ],
        )

    return handle


def _matches(body: Body, name: str, value: str) -> bool:
    if name == "lifecycleState":
        return str(body.get(name)).upper() == value.upper()
    return body.get(name) == value


def _create(collection: Collection) -> Handler:
    assert collection.create is not None
    create = collection.create

    def handle(store: Store, request: Request) -> Answer:
        return shown(create(store, checked(collection.create_model, request.body)))

    return handle


def _update(collection: Collection) -> Handler:
    def handle(store: Store, request: Request) -> Answer:
        resource = _target(store, request, collection)
        details = checked(collection.update_model, request.body)
        check_tags(store, details)
        _refuse_ending(resource)
        if collection.update:
            collection.update(store, resource, details)
        resource.body.update({name: details[name] for name in _COMMON_UPDATES if name in details})
        store.touch(resource)
        return shown(resource)

    return handle


def _delete(collection: Collection) -> Handler:
    assert collection.delete is not None
    delete = collection.delete

    def handle(store: Store, request: Request) -> Answer:
        resource = _target(store, request, collection)
        _refuse_ending(resource)
        delete(store, resource)
        return Answer(status=204)

    return handle


def _refuse_ending(resource: Resource) -> None:
    if resource.ending:
        raise incorrect_state(f"{resource.id} is {resource.state}")


def body_of(request: Request, model: str) -> dict[str, Any]:
    """The request's body, checked against a model of the SDK."""
    return checked(model, request.body)
