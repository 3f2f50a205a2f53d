"""Alarms, topics and subscriptions of the emulator, through Oracle's own SDK and through the stand-in plugin.

Does not prove that an alarm fires: no metric is measured here.
"""

from __future__ import annotations

from typing import Any

import oci
import pytest
from oci.monitoring import models as monitoring
from oci.ons import models as notifications

from components.watching import tunnel_is_down
from lab.clouds.oci.credentials import throw_away_config
from lab.clouds.plugins.values import Values, plain

COMPARTMENT = "ocid1.compartment.oc1..lab"
QUERY = tunnel_is_down("ocid1.ipsecconnection.oc1..x", "198.51.100.11")


def client(region: Any, kind: Any) -> Any:
    return kind(
        throw_away_config(),
        service_endpoint=region.cloud.endpoint,
        retry_strategy=oci.retry.NoneRetryStrategy(),
        circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
    )


@pytest.fixture
def topics(region: Any) -> Any:
    return client(region, oci.ons.NotificationControlPlaneClient)


@pytest.fixture
def subscriptions(region: Any) -> Any:
    return client(region, oci.ons.NotificationDataPlaneClient)


@pytest.fixture
def alarms(region: Any) -> Any:
    return client(region, oci.monitoring.MonitoringClient)


def make_topic(topics: Any, name: str = "watching") -> Any:
    return topics.create_topic(notifications.CreateTopicDetails(name=name, compartment_id=COMPARTMENT)).data


def alarm(topic: str, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "compartment_id": COMPARTMENT,
        "metric_compartment_id": COMPARTMENT,
        "display_name": "tunnel 1 is down",
        "namespace": "oci_vpn",
        "query": QUERY,
        "severity": "ERROR",
        "pending_duration": "PT10M",
        "destinations": [topic],
        "is_enabled": True,
    }
    return monitoring.CreateAlarmDetails(**given | changes)


def test_an_alarm_with_all_it_needs_comes_changes_and_goes(
    region: Any, topics: Any, subscriptions: Any, alarms: Any
) -> None:
    topic = make_topic(topics)
    assert topic.lifecycle_state == "CREATING"
    region.settle()
    assert topics.get_topic(topic.topic_id).data.lifecycle_state == "ACTIVE"
    subscribed = subscriptions.create_subscription(
        notifications.CreateSubscriptionDetails(
            compartment_id=COMPARTMENT, topic_id=topic.topic_id, protocol="EMAIL", endpoint="network@example.com"
        )
    ).data
    assert subscribed.lifecycle_state == "PENDING", "until its owner has confirmed"
    made = alarms.create_alarm(alarm(topic.topic_id)).data
    assert (made.lifecycle_state, made.query, made.message_format) == ("ACTIVE", QUERY, "RAW")
    changed = alarms.update_alarm(made.id, monitoring.UpdateAlarmDetails(pending_duration="PT5M")).data
    assert (changed.pending_duration, changed.query) == ("PT5M", QUERY)
    assert [one.id for one in alarms.list_alarms(COMPARTMENT).data] == [made.id]

    alarms.delete_alarm(made.id)
    subscriptions.delete_subscription(subscribed.id)
    topics.delete_topic(topic.topic_id)
    region.settle()
    assert region.cloud.leftovers() == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"severity": "LOUD"}, "severity: must be one of ['CRITICAL', 'ERROR', 'INFO', 'WARNING']"),
        ({"query": "TunnelState{publicIp = x}"}, "query: not an expression of the Monitoring Query Language"),
        ({"pending_duration": "10m"}, "pendingDuration: must be PT1M to PT1H"),
        ({"pending_duration": "PT61M"}, "pendingDuration: must be PT1M to PT1H"),
        ({"destinations": []}, "destinations: must be one topic"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    topics: Any, alarms: Any, refused: Any, changes: Values, message: str
) -> None:
    topic = make_topic(topics)
    with refused(400, "InvalidParameter") as said:
        alarms.create_alarm(alarm(topic.topic_id, **changes))
    assert said["message"] == message


def test_an_alarm_goes_to_a_topic_that_is_there(alarms: Any, refused: Any) -> None:
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        alarms.create_alarm(alarm("ocid1.onstopic.oc1..gone"))


def test_two_topics_of_a_tenancy_have_two_names(topics: Any, refused: Any) -> None:
    make_topic(topics)
    with refused(409, "Conflict"):
        make_topic(topics)
    with refused(400, "InvalidParameter"):
        make_topic(topics, "has spaces")


def test_a_subscription_is_of_a_known_protocol(topics: Any, subscriptions: Any, refused: Any) -> None:
    topic = make_topic(topics)
    details = notifications.CreateSubscriptionDetails(
        compartment_id=COMPARTMENT, topic_id=topic.topic_id, protocol="email", endpoint="network@example.com"
    )
    with refused(400, "InvalidParameter"):
        subscriptions.create_subscription(details)


def lives(topic: str) -> list[tuple[str, Values, Values, list[str]]]:
    """(type, inputs, what changes in place, what replaces)."""
    own = {"compartmentId": COMPARTMENT}
    watched = {
        **own,
        "metricCompartmentId": COMPARTMENT,
        "displayName": "one",
        "namespace": "oci_vpn",
        "query": QUERY,
        "severity": "ERROR",
        "pendingDuration": "PT10M",
        "messageFormat": "ONS_OPTIMIZED",
        "body": "what to do",
        "destinations": [topic],
        "isEnabled": True,
        "freeformTags": {"a": "b"},
    }
    mail = {**own, "topicId": topic, "protocol": "EMAIL", "endpoint": "network@example.com", "freeformTags": {"a": "b"}}
    return [
        ("Alarm", watched, {"pendingDuration": "PT5M", "query": QUERY.replace("11", "12"), "isEnabled": False}, []),
        ("NotificationTopic", {**own, "name": "two", "description": "d"}, {"description": "e"}, ["name"]),
        ("Subscription", mail, {"freeformTags": {"a": "c"}}, ["endpoint", "protocol", "topicId"]),
    ]


@pytest.mark.parametrize("kind", ["Alarm", "NotificationTopic", "Subscription"])
def test_a_life_through_the_plugin(engine: Any, kind: str) -> None:
    """Made, read back unchanged, updated in place, read back, deleted, gone."""
    topic, state = engine.create("NotificationTopic", {"compartmentId": COMPARTMENT, "name": "watching"})
    assert plain(state)["state"] == "ACTIVE"
    [(_, inputs, changes, replacing)] = [life for life in lives(topic) if life[0] == kind]
    identifier, made = engine.create(kind, inputs)
    assert engine.read(kind, identifier, inputs, plain(made))[1] == inputs
    assert engine.diff(kind, inputs, inputs | changes) == (sorted(changes), [])
    assert engine.diff(kind, inputs, inputs | dict.fromkeys(replacing, "x"))[1] == replacing
    changed = engine.update(kind, identifier, plain(made), inputs, inputs | changes)
    assert {key: changed[key] for key in changes} == changes
    assert engine.read(kind, identifier, inputs | changes, changed)[1] == inputs | changes
    engine.destroy()
    assert engine.read(kind, identifier, inputs, changed) == ("", {}, {})
    assert engine.cloud.leftovers() == {}


def test_each_service_is_reached_by_its_own_client(engine: Any) -> None:
    engine.calls()
    topic, _ = engine.create("NotificationTopic", {"compartmentId": COMPARTMENT, "name": "watching"})
    [(_, inputs, _, _)] = [life for life in lives(topic) if life[0] == "Alarm"]
    engine.create("Alarm", inputs)
    made = [operation for operation, status in engine.calls() if operation.startswith("Create") and status == 200]
    assert made == ["CreateTopic", "CreateAlarm"]
