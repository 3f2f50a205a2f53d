"""The stand-in's alarm, topic and subscription, on three APIs of Oracle's beside the core one."""

from __future__ import annotations

from lab.clouds.plugins.oci_client import MONITORING, SUBSCRIPTIONS, TOPICS
from lab.clouds.plugins.oci_network import TAGS, Described, resource
from lab.clouds.plugins.table import EMPTY

_ALARM = frozenset(
    {
        "compartmentId",
        "destinations",
        "displayName",
        "isEnabled",
        "metricCompartmentId",
        "namespace",
        "query",
        "severity",
    }
)

RESOURCES = {
    "oci:Monitoring/alarm:Alarm": resource(
        Described(
            path="alarms",
            service=MONITORING,
            fixed=frozenset({"compartmentId"}),
            mutable=TAGS | _ALARM - {"compartmentId"} | {"body", "messageFormat", "pendingDuration"},
            required=_ALARM,
            force_new=EMPTY,
            computed=frozenset({"state", "timeCreated", "timeUpdated"}),
            ready="ACTIVE",
            ended="DELETED",
        )
    ),
    "oci:Ons/notificationTopic:NotificationTopic": resource(
        Described(
            path="topics",
            service=TOPICS,
            identity="topicId",
            fixed=frozenset({"compartmentId", "name"}),
            mutable=TAGS | {"description"},
            required=frozenset({"compartmentId"}),
            force_new=frozenset({"name"}),
            computed=frozenset({"apiEndpoint", "etag", "shortTopicId", "state", "timeCreated", "topicId"}),
            ready="ACTIVE",
            # It has no such state: what is waited for is that it is not there.
            ended="DELETED",
            auto_name="name",
        )
    ),
    "oci:Ons/subscription:Subscription": resource(
        Described(
            path="subscriptions",
            service=SUBSCRIPTIONS,
            fixed=frozenset({"compartmentId", "endpoint", "protocol", "topicId"}),
            mutable=TAGS,
            required=frozenset({"compartmentId", "endpoint", "protocol", "topicId"}),
            force_new=frozenset({"endpoint", "protocol", "topicId"}),
            computed=frozenset({"createdTime", "etag", "state"}),
            # PENDING does: the real plugin does not wait for anybody to confirm.
            ready="",
            ended="DELETED",
            update_answers=False,
        )
    ),
}
