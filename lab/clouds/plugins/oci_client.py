"""Calls of Oracle's APIs for the stand-in of pulumi-oci, through Oracle's SDK: sign-in, retries, waits.

As terraform-provider-oci does it (`internal/tfresource/retry.go`): 409 is retried for 2 minutes unless the file of
`retriesConfigFile` says otherwise, 429 for 10 minutes. Its pauses are shorter here, to keep the lab quick.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oci
from oci.core import VirtualNetworkClient
from oci.exceptions import ServiceError
from oci.monitoring import MonitoringClient
from oci.ons import NotificationControlPlaneClient, NotificationDataPlaneClient

from lab.clouds.oci.credentials import throw_away_key
from lab.clouds.plugins.table import Call, Failure, ProviderError
from lab.clouds.plugins.values import UNKNOWN, Values

# The SDK's client of each service, by the name under which CLIENT_HOST_OVERRIDES has its host.
CORE = "oci_core.VirtualNetworkClient"
MONITORING = "oci_monitoring.MonitoringClient"
TOPICS = "oci_ons.NotificationControlPlaneClient"
SUBSCRIPTIONS = "oci_ons.NotificationDataPlaneClient"
SDK_CLIENTS = {
    CORE: VirtualNetworkClient,
    MONITORING: MonitoringClient,
    TOPICS: NotificationControlPlaneClient,
    SUBSCRIPTIONS: NotificationDataPlaneClient,
}
_RETRY_SECONDS = {409: 120.0, 429: 600.0, 500: 120.0}
_DEFAULT_TIMEOUT = 20 * 60.0
_LONGEST_PAUSE = 2.0
_POLL_SECONDS = 0.2
# The provider's own names, and what each sign-in mode must have of them.
_SETTINGS = {
    "auth": "auth",
    "tenancyOcid": "tenancy_ocid",
    "userOcid": "user_ocid",
    "fingerprint": "fingerprint",
    "privateKey": "private_key",
    "privateKeyPath": "private_key_path",
    "privateKeyPassword": "private_key_password",
    "region": "region",
}
_AUTH_MODES = frozenset(
    {
        "ApiKey",
        "SecurityToken",
        "InstancePrincipal",
        "InstancePrincipalWithCerts",
        "ResourcePrincipal",
        "OKEWorkloadIdentity",
        "WorkloadIdentityFederation",
    }
)
_clients: dict[tuple[str, ...], Any] = {}
_lock = threading.Lock()


def settings(config: Mapping[str, Any], environment: Mapping[str, str]) -> Values:
    """Sign-in settings: the provider's configuration, then `TF_VAR_x`, `OCI_X`, `x` of the environment."""
    found: Values = {}
    for name, word in _SETTINGS.items():
        candidates = [config.get(name), *(environment.get(k) for k in (f"TF_VAR_{word}", f"OCI_{word.upper()}", word))]
        value = next((candidate for candidate in candidates if candidate not in (None, "")), None)
        if value is not None:
            found[name] = value
    return found


def refused_settings(config: Mapping[str, Any], environment: Mapping[str, str]) -> Iterable[Failure]:
    """What the real provider refuses before any call: no region, no or a bad key, an unknown sign-in mode."""
    found = settings(config, environment)
    if "region" not in found:
        yield Failure("region", "can not create client, bad configuration: region is missing")
    auth = found.get("auth", "ApiKey")
    if auth is UNKNOWN:
        return
    if str(auth).lower() not in {mode.lower() for mode in _AUTH_MODES}:
        yield Failure("auth", f"auth must be one of {', '.join(sorted(_AUTH_MODES))}, not {auth!r}")
    if str(auth).lower() != "apikey":
        return
    for name in ("tenancyOcid", "userOcid", "fingerprint"):
        if name not in found:
            yield Failure(name, f"can not create client, bad configuration: {name} is missing")
    if "privateKey" not in found and "privateKeyPath" not in found:
        yield Failure("privateKey", "can not create client, bad configuration: privateKey or privateKeyPath is missing")
    elif UNKNOWN not in (found.get("privateKey"), found.get("privateKeyPath"), found.get("privateKeyPassword")):
        try:
            oci.signer.load_private_key(_key(found), found.get("privateKeyPassword"))
        except (OSError, oci.exceptions.ClientError, ValueError, TypeError) as fault:
            # The fault's own text may repeat the key.
            reason = (
                f"can not create client, bad configuration: the private key cannot be read ({type(fault).__name__})"
            )
            yield Failure("privateKey", reason)


def _key(found: Values) -> str:
    return str(found["privateKey"]) if "privateKey" in found else Path(found["privateKeyPath"]).expanduser().read_text()


@dataclass(frozen=True)
class Api:
    """One of Oracle's APIs as an operation of the plugin sees it: API attribute names, plain bodies."""

    call: Call
    service: str = CORE

    def get(self, path: str, **query: Any) -> Any:
        return self._retried("GET", path, None, query)

    def post(self, path: str, body: Values) -> Any:
        return self._retried("POST", path, body, {})

    def put(self, path: str, body: Values) -> Any:
        return self._retried("PUT", path, body, {})

    def put_once(self, path: str, body: Values) -> Any:
        """Without the retries of every other call."""
        return self._send("PUT", path, body, {})

    def find(self, path: str) -> Values | None:
        """What is there, or None for a 404."""
        try:
            found: Values = self.get(path)
        except ServiceError as refusal:
            if refusal.status == 404:
                return None
            raise
        return found

    def remove(self, path: str, ended: str | None) -> None:
        """Deletes, and waits for the state `ended` or a 404. What is gone already is a success."""
        try:
            self._retried("DELETE", path, None, {})
        except ServiceError as refusal:
            if refusal.status == 404:
                return
            raise
        if ended:
            self.wait(path, (ended,), lambda: self.find(path))

    def wait(self, path: str, wanted: Collection[str], look: Callable[[], Values | None]) -> Values | None:
        """Looks until the state is one of those wanted, or nothing is found. Raises ProviderError in the end."""
        limit = self.call.timeout or _DEFAULT_TIMEOUT
        deadline = time.monotonic() + limit
        while True:
            found = look()
            if found is None or found.get("lifecycleState") in wanted:
                return found
            if time.monotonic() > deadline:
                raise ProviderError(
                    f"timeout while waiting for state to become '{'/'.join(wanted)}' "
                    f"(last state: '{found.get('lifecycleState')}', timeout: {limit:g}s): {path}"
                )
            self._pause(_POLL_SECONDS)

    def _retried(self, method: str, path: str, body: Values | None, query: Values) -> Any:
        started, pause = time.monotonic(), 0.25
        while True:
            try:
                return self._send(method, path, body, query)
            except ServiceError as refusal:
                if time.monotonic() - started >= self._retry_seconds(refusal):
                    raise
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _retry_seconds(self, refusal: ServiceError) -> float:
        if refusal.status == 409 and refusal.code == "InvalidatedRetryToken":
            return 0.0
        configured = self._retries_file().get(str(refusal.status), {}).get("retry_max_duration")
        return float(configured if configured is not None else _RETRY_SECONDS.get(refusal.status, 0.0))

    def _retries_file(self) -> Mapping[str, Mapping[str, float]]:
        name = self.call.config.get("retriesConfigFile")
        if not name:
            return {}
        path = Path(self.call.environment.get("PWD", ".")) / name
        try:
            content: Mapping[str, Mapping[str, float]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise ProviderError(f"retriesConfigFile {name} cannot be read: {type(fault).__name__}") from None
        return content

    def _pause(self, seconds: float) -> None:
        if self.call.cancelled.wait(seconds):
            raise ProviderError("cancelled")

    def _send(self, method: str, path: str, body: Values | None, query: Values) -> Any:
        client = _client(self.service, self.call.config, self.call.environment)
        response = client.base_client.call_api(
            resource_path=f"/{path}",
            method=method,
            query_params={name: value for name, value in query.items() if value is not None},
            header_params={"accept": "application/json", "content-type": "application/json"},
            body=body,
            response_type="object",
        )
        return response.data


def _client(service: str, config: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    found = settings(config, environment)
    endpoint = _endpoint(service, environment)
    api_key = str(found.get("auth", "ApiKey")).lower() == "apikey"
    # The other modes have no key to sign with here, and whoever stands in for Oracle verifies nothing.
    key = _key(found) if api_key else throw_away_key()
    identity = (service, endpoint, str(found.get("region")), str(found.get("userOcid")), key)
    with _lock:
        if identity not in _clients:
            _clients[identity] = SDK_CLIENTS[service](
                {
                    "tenancy": found.get("tenancyOcid", "ocid1.tenancy.oc1..lab"),
                    "user": found.get("userOcid", "ocid1.user.oc1..lab"),
                    "fingerprint": found.get("fingerprint", ":".join(["00"] * 16)),
                    "key_content": key,
                    "pass_phrase": found.get("privateKeyPassword"),
                    "region": found["region"],
                },
                service_endpoint=endpoint,
                circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
            )
        return _clients[identity]


def _endpoint(service: str, environment: Mapping[str, str]) -> str:
    for item in environment.get("CLIENT_HOST_OVERRIDES", "").split(";"):
        name, _, host = item.partition("=")
        if name.strip() == service and host:
            return host.strip()
    # A stand-in that found its way to the real cloud would be no stand-in.
    raise ProviderError(f"CLIENT_HOST_OVERRIDES must say where {service} is")


def explain(error: Exception) -> str | None:
    """The text of a refusal of Oracle's, as the real provider words it."""
    if not isinstance(error, ServiceError):
        return None
    return f"{error.status}-{error.code}, {error.message}\nRequest Target: {error.request_endpoint}"
