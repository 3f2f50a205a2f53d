"""Both clouds, the machines behind them, and the plugins between them and the engine: started together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.clouds.aws.server import AwsCloud, start_aws
from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.server import OciCloud, start_oci
from lab.clouds.plugins import aws, command, oci
from lab.clouds.plugins.oci_client import SDK_CLIENTS
from lab.clouds.plugins.servicer import RunningPlugin, start_plugin
from lab.clouds.tunnel_rule import TunnelRule
from lab.machines import Machines, Packets
from lab.stack import real_plugins

# Who runs the stacks: not who prepares a test or looks at what came of it.
DEPLOYER = "AKIALABDEPLOYER00000"

# Of no plugin, but `make doctor` asks it.
LIMITS_CLIENT = "oci_limits.LimitsClient"

# Where the stacks of the lab are; one region is enough for a tunnel.
REGION = "us-east-1"


@dataclass
class Clouds:
    """The running stand-ins. `folder` keeps what they record and which faults they inject."""

    folder: Path
    aws: AwsCloud
    oci: OciCloud
    plugins: dict[str, RunningPlugin]
    packets: Packets | None = None
    """The machines that carry packets; None where a rule takes their place."""

    @classmethod
    def start(cls, folder: Path, behaviour: Behaviour | None = None, machines: Machines | None = None) -> Clouds:
        """
        Starts both clouds, empty. Plugins follow with `serve`, once the engine's environment is known.

        With `machines` instances boot and packets cross; without, a rule says whether a tunnel is up.
        Raises SetUpError, GuestError where a machine cannot be had.
        """
        folder.mkdir(parents=True, exist_ok=True)
        amazon = start_aws(record=folder / "aws-calls.jsonl")
        packets = Packets.start(folder / "machines", amazon, REGION, machines) if machines else None
        oracle = start_oci(
            record=folder / "oci-calls.jsonl",
            judge=packets.fabric.verdict if packets else TunnelRule(amazon.endpoint, REGION),
            behaviour=behaviour or Behaviour(region="us-ashburn-1"),
        )
        if packets:
            packets.follow(oracle)
        return cls(folder, amazon, oracle, {}, packets)

    @property
    def environment(self) -> dict[str, str]:
        """What leads AWS' and Oracle's SDKs, and so plugins and commands, to the stand-ins."""
        return {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ACCESS_KEY_ID": DEPLOYER,
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CLIENT_HOST_OVERRIDES": ";".join(
                f"{client}={self.oci.endpoint}" for client in (*SDK_CLIENTS, LIMITS_CLIENT)
            ),
            "OCI_STATUS_LAG_SECONDS": str(self._status_lag_seconds),
            "LAB_FAULTS": str(self.faults),
            "LAB_RECORD": str(self.record),
        }

    @property
    def _status_lag_seconds(self) -> float:
        """How old the emulator's word on a tunnel may be: so long the proof trusts none of before."""
        # A headend gives its peer up after 20 s of asking, which it begins after up to 5 s of silence.
        noticed = 25.0 if self.packets else 0.0
        return noticed + self.oci.store.behaviour.status_seconds + 1.0

    @property
    def faults(self) -> Path:
        """The file of faults and delays, read at every call of a plugin; see plugins/faults.py."""
        return self.folder / "faults.json"

    @property
    def record(self) -> Path:
        """The file that every registered resource's inputs go to, a line each."""
        return self.folder / "registered.jsonl"

    def serve(self, engine_environment: Mapping[str, str]) -> dict[str, int]:
        """Starts the plugins as children of an engine with this environment would be: their ports."""
        tables = {"aws": aws.plugin, "oci": oci.plugin, "command": command.plugin}
        real = real_plugins(os.environ)
        self.plugins = {
            name: start_plugin(table(engine_environment)) for name, table in tables.items() if name not in real
        }
        return {name: plugin.port for name, plugin in self.plugins.items()}

    def stop(self) -> None:
        """Ends plugins and clouds; what they held is gone."""
        for plugin in self.plugins.values():
            plugin.stop()
        self.oci.stop()
        self.aws.stop()
        if self.packets:
            self.packets.stop()
