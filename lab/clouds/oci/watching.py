"""Alarms, and the topics and subscriptions that they are told by.

No metric is measured here, so no alarm fires and no mail is sent.
https://docs.oracle.com/en-us/iaas/api/#/en/monitoring/latest/Alarm/
https://docs.oracle.com/en-us/iaas/api/#/en/notification/latest/NotificationTopic/
"""

from __future__ import annotations

import re
import time

from oci.monitoring.models import Alarm

from lab.clouds.oci.api import (
    MONITORING,
    NOTIFICATIONS,
    Answer,
    Collection,
    Request,
    Route,
    body_of,
    check_tags,
    described,
    routes_of,
)
from lab.clouds.oci.errors import conflict, invalid
from lab.clouds.oci.store import ALARM, SUBSCRIPTION, TOPIC, Body, Resource, Store, timestamp

_SEVERITIES = {value for name, value in vars(Alarm).items() if name.startswith("SEVERITY_")}
_PROTOCOLS = {"CUSTOM_HTTPS", "EMAIL", "HTTPS", "ORACLE_FUNCTIONS", "PAGERDUTY", "SLACK", "SMS"}
# metric[interval]{dimension = "value", …}.statistic() operator value
_DIMENSION = r"\w+ *=~? *\"[^\"]+\""
_QUERY = re.compile(
    rf"\w+\[\d+[mhd]\](\{{{_DIMENSION}(, *{_DIMENSION})*\}})?(\.\w+\([\w., ]*\))+( *(>=?|<=?|==|!=) *[\d.]+)?"
)
_DEFAULTS = {
    "isNotificationsPerMetricDimensionEnabled": False,
    "messageFormat": "RAW",
    "metricCompartmentIdInSubtree": False,
    "pendingDuration": "PT1M",
    "resolution": "1m",
}


def routes() -> list[Route]:
    update = Route("PUT", "/subscriptions/{id}", "UpdateSubscription", _update_subscription, version=NOTIFICATIONS)
    return [*routes_of(_ALARMS), *routes_of(_TOPICS), *routes_of(_SUBSCRIPTIONS), update]


def _create_alarm(store: Store, details: Body) -> Resource:
    _check_alarm(store, details)
    own = described(store, details)
    return store.add(ALARM, _DEFAULTS | details | own | {"timeUpdated": timestamp()})


def _update_alarm(store: Store, alarm: Resource, details: Body) -> None:
    _check_alarm(store, alarm.body | details)
    alarm.body.update(details | {"timeUpdated": timestamp()})


def _check_alarm(store: Store, details: Body) -> None:
    if details["severity"] not in _SEVERITIES:
        raise invalid("severity", f"must be one of {sorted(_SEVERITIES)}")
    if not _QUERY.fullmatch(details["query"]):
        raise invalid("query", "not an expression of the Monitoring Query Language")
    minutes = re.fullmatch(r"PT(\d+)M", details.get("pendingDuration", "PT1M").replace("PT1H", "PT60M"))
    if minutes is None or not 1 <= int(minutes[1]) <= 60:
        raise invalid("pendingDuration", "must be PT1M to PT1H")
    if len(details["destinations"]) != 1:
        raise invalid("destinations", "must be one topic")
    store.related(TOPIC, details["destinations"][0], "destinations")


def _create_topic(store: Store, details: Body) -> Resource:
    name = details["name"]
    if not re.fullmatch(r"[\w-]{1,256}", name):
        raise invalid("name", "must be 1 to 256 letters, digits, hyphens or underscores")
    if store.of(TOPIC, name=name):
        raise conflict(f"the tenancy has a topic {name!r} already")
    topic = store.add(TOPIC, described(store, details, "name", "description"), settle=store.behaviour.brief_seconds)
    del topic.body["displayName"]
    topic.body["topicId"] = topic.id
    topic.body["apiEndpoint"] = f"https://notification.{store.behaviour.region}.oci.oraclecloud.com"
    return topic


def _update_topic(_store: Store, topic: Resource, details: Body) -> None:
    topic.body["description"] = details["description"]


def _create_subscription(store: Store, details: Body) -> Resource:
    store.related(TOPIC, details["topicId"], "topicId")
    if details["protocol"] not in _PROTOCOLS:
        raise invalid("protocol", f"must be one of {sorted(_PROTOCOLS)}")
    made = store.add(SUBSCRIPTION, described(store, details, "topicId", "protocol", "endpoint"))
    del made.body["displayName"], made.body["timeCreated"]
    made.body["createdTime"] = int(time.time() * 1000)
    return made


def _update_subscription(store: Store, request: Request) -> Answer:
    """Its answer is not the subscription but what was changed."""
    found = store.get(SUBSCRIPTION, request.ids["id"], request.if_match)
    details = body_of(request, "UpdateSubscriptionDetails")
    check_tags(store, details)
    found.body.update(details)
    store.touch(found)
    return Answer(details, found.etag)


def _end(store: Store, resource: Resource) -> None:
    store.end(resource, store.behaviour.terminate_seconds)


_ALARMS = Collection(
    ALARM, "alarms", "Alarm", "Alarms", version=MONITORING,
    create=_create_alarm, create_model="CreateAlarmDetails",
    update=_update_alarm, update_model="UpdateAlarmDetails", delete=_end, filters=(),
)  # fmt: skip
_TOPICS = Collection(
    TOPIC, "topics", "Topic", "Topics", version=NOTIFICATIONS,
    create=_create_topic, create_model="CreateTopicDetails",
    update=_update_topic, update_model="TopicAttributesDetails", delete=_end, filters=("name",),
)  # fmt: skip
_SUBSCRIPTIONS = Collection(
    SUBSCRIPTION, "subscriptions", "Subscription", "Subscriptions", version=NOTIFICATIONS,
    create=_create_subscription, create_model="CreateSubscriptionDetails", delete=_end, filters=("topicId",),
)  # fmt: skip
