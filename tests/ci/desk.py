"""Where a job of the pipeline works in the tests: the project's folder, an engine on PATH, and a pretended GitHub."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any

from lab.clouds.cluster import REGION
from lab.clouds.oci.store import TUNNEL
from lab.lab import Lab
from tests.ci.pretend_github import PretendGitHub

LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Desk:
    """Where a job works: the project's folder, an engine on PATH, and GitHub."""

    lab: Lab
    github: PretendGitHub

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """`ci/run …` as a workflow's step runs it, in a session of its own."""
        folder = self.lab.project.directory
        environment = {
            name: value for name, value in self.lab.project.environment.items() if not name.startswith("GITHUB_")
        }
        # The language host that the lab builds takes the first python on PATH, and there are no plugins to fetch.
        environment["PATH"] = f"{folder / '.venv' / 'bin'}:{environment['PATH']}"
        environment["PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL"] = "true"
        return subprocess.Popen(
            [folder / "ci" / "run", *arguments],
            cwd=folder,
            env={**environment, **self.github.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        job = self.start(*arguments, **variables)
        try:
            out, err = job.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            job.kill()
            raise
        return subprocess.CompletedProcess(job.args, job.returncode, out, err)

    def check(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def comment(self) -> str:
        """The one comment on pull request 5."""
        [found] = [one for one in self.github.comments if one["number"] == 5]
        return str(found["body"])

    @property
    def keys(self) -> list[str]:
        """The tunnels' keys as Oracle has them."""
        store = self.lab.clouds.oci.store
        with store.lock:
            return [str(tunnel.private["shared secret"]) for tunnel in store.of(TUNNEL)]

    @property
    def ec2(self) -> Any:
        return self.lab.clouds.aws.client("ec2", REGION)
