"""Running the real engine on a throw-away copy of the project: own stack file, own state, own home."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lab.engine.install import engine_folder
from lab.engine.result import Result, read_events

REPOSITORY = Path(__file__).resolve().parents[2]

# A stack of the lab holds nothing that is worth a secret passphrase.
PASSPHRASE = "lab"

# Nothing of the user's accounts, settings or Python may reach an engine of the lab.
FOREIGN = ("PULUMI_", "AWS_", "OCI_", "TF_VAR_", "PYTHON", "VIRTUAL_ENV", "XDG_")

# Longer than any `up` of the tests; a hanging one ends the test and not the whole run.
TIMEOUT_SECONDS = 900.0

WITH_EVENTS = ("up", "preview", "destroy", "refresh")


@dataclass(frozen=True)
class Running:
    """A `pulumi` command under way."""

    command: tuple[str, ...]
    process: subprocess.Popen[str]
    output: IO[str]
    events: Path

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> Result:
        """Wait for the end, in seconds. Raises subprocess.TimeoutExpired, having killed it."""
        try:
            self.process.wait(timeout)
        except BaseException:
            # A Ctrl-C too: the engine has a session of its own, so it does not hear that by itself.
            self.kill()
            raise
        self.output.seek(0)
        with self.output:
            text = self.output.read()
        return Result(
            command=self.command,
            exit_code=self.process.returncode,
            text=text,
            events=read_events(self.events),
        )

    def interrupt(self) -> None:
        """What Ctrl-C does: the engine ends what it is doing and stops."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """What a power cut does: engine, language host and program are gone at once."""
        end_session(self.process.pid)


class Project:
    """
    One stack of the program, run by the real engine, in a folder of its own.

    `folder` is new, empty, or one that such a project was in before. `plugins` maps a provider's name to the
    port on 127.0.0.1 where it listens. `environment` is added to what the engine sees (`AWS_ENDPOINT_URL`, …).
    `repository` is whose program runs; its files are linked, not copied, but for the stack file, which the
    engine writes to. `engine` is the folder of the `pulumi` to use, found or built if it is not given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        plugins: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        repository: Path = REPOSITORY,
        stack: str = "dev",
        engine: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.stack = stack
        self.directory = self.folder / "project"
        self._engine = engine or engine_folder()
        self._python = repository / ".venv" / "bin"
        self._plugins = dict(plugins or {})
        self._extra = dict(environment or {})
        for made in ("project", "state", "home", "logs"):
            (self.folder / made).mkdir(parents=True, exist_ok=True)
        self._count = len(list((self.folder / "logs").glob("*.text")))
        self._link(repository)

    def _link(self, repository: Path) -> None:
        own = f"Pulumi.{self.stack}.yaml"
        for item in repository.iterdir():
            link = self.directory / item.name
            if link.is_symlink() or link.exists():
                continue
            if item.name == own:
                shutil.copyfile(item, link)
            # Nothing that is no part of the program, nor another stack's file.
            elif item.name == ".venv" or not item.match(".*") and not item.match("Pulumi.*.yaml"):
                link.symlink_to(item)

    def attach(self, plugins: Mapping[str, int]) -> None:
        """Use these plugins from now on: provider names and the ports on 127.0.0.1 where they listen."""
        self._plugins = dict(plugins)

    @property
    def stack_file(self) -> Path:
        """This project's own copy of the stack's settings."""
        return self.directory / f"Pulumi.{self.stack}.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """What a user's shell would give the engine: no virtual environment on PATH. For the command plugin."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **kept,
            "PATH": os.pathsep.join([str(self._engine), _without_environment(kept["PATH"])]),
            "PWD": str(self.directory),
            "HOME": str(self.folder / "home"),
            "PULUMI_HOME": str(self.folder / "home" / ".pulumi"),
            # Else the engine keeps a file of attributes beside each of the state's and writes it in place: a killed one
            # may leave it empty, and every later command ends with `error: EOF`.
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in self._plugins.items()),
            "PULUMI_ERROR_OUTPUT_STRING": "true",
            # Shows the --event-log option.
            "PULUMI_DEBUG_COMMANDS": "true",
            **self._extra,
        }

    def start(self, *arguments: str) -> Running:
        """Begin `pulumi …` and give it back while it runs, so that a test can disturb it."""
        self._count += 1
        log = self.folder / "logs" / f"{self._count:03}-{arguments[0]}"
        events = log.with_suffix(".events")
        command = (*arguments, "--non-interactive", "--color", "never")
        if arguments[0] in WITH_EVENTS:
            command += ("--event-log", str(events))
        environment = self.environment
        # The language host that the lab builds knows no virtualenv setting: it takes the first python on PATH.
        environment["PATH"] = os.pathsep.join([str(self._python), environment["PATH"]])
        output = log.with_suffix(".text").open("w+")
        process = subprocess.Popen(
            [self._engine / "pulumi", *command],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(command, process, output, events)

    def run(self, *arguments: str) -> Result:
        """Run `pulumi …` to its end, whatever that is."""
        return self.start(*arguments).wait()

    def stack_init(self) -> Result:
        """Make the stack; writes the salt of its passphrase into its stack file."""
        return self.run("stack", "init", self.stack)

    def config_set(self, key: str, value: str, *, secret: bool = False, path: bool = False) -> Result:
        """Set one key; with `path`, the key is a path into an object, as in `tunnel.dpd.delay`."""
        flags = [flag for flag, wanted in (("--secret", secret), ("--path", path)) if wanted]
        return self._on_stack("config", "set", *flags, key, value)

    def config_remove(self, key: str, *, path: bool = False) -> Result:
        """Take one key out of the stack file."""
        return self._on_stack("config", "rm", *(["--path"] if path else []), key)

    def up(self, *flags: str) -> Result:
        """`pulumi up` without a preview before it."""
        return self._on_stack("up", "--yes", "--skip-preview", "--skip-plugin-pre-install", *flags)

    def preview(self, *flags: str) -> Result:
        """`pulumi preview`; `--expect-no-changes` makes any change an error."""
        return self._on_stack("preview", "--skip-plugin-pre-install", "--diff", *flags)

    def destroy(self, *flags: str) -> Result:
        """`pulumi destroy` without a preview before it."""
        return self._on_stack("destroy", "--yes", "--skip-preview", "--skip-plugin-pre-install", *flags)

    def refresh(self, *flags: str) -> Result:
        """`pulumi refresh`: what the clouds say becomes the state."""
        return self._on_stack("refresh", "--yes", "--skip-preview", "--skip-plugin-pre-install", *flags)

    def export(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's state (`deployment.resources` and all), secrets encrypted unless shown."""
        flags = ["--show-secrets"] if show_secrets else []
        path = self.folder / "logs" / "export.json"
        self._on_stack("stack", "export", "--file", str(path), *flags).check()
        state: dict[str, Any] = json.loads(path.read_text())
        return state

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs; a secret one reads `[secret]` unless shown."""
        flags = ["--show-secrets"] if show_secrets else []
        text = self._on_stack("stack", "output", "--json", *flags).check().text
        # The engine's warnings go before its one indented object.
        found = re.search(r"^\{.*", text, re.MULTILINE | re.DOTALL)
        values: dict[str, Any] = json.loads(found[0]) if found else {}
        return values

    def _on_stack(self, *arguments: str) -> Result:
        return self.run(*arguments, "--stack", self.stack)


def end_session(leader: int) -> None:
    """Ends an engine, by its process, with all that it has started, and returns when they are gone."""
    # The engine puts its plugins into process groups of their own; the session holds them all. One that was just being
    # started is found by the next look, and what is killed takes a moment to be gone.
    while members := _session(leader):
        for process in members:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _session(leader: int) -> list[int]:
    """The processes of a session that run, its leader first, so that none of them can start another one."""
    members = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # proc(5): the fields after the command in brackets begin with state, parent, group, session.
            fields = status.read_text().rpartition(")")[2].split()
            # A zombie has ended; its parent has not asked yet.
            if int(fields[3]) == leader and fields[0] not in ("Z", "X"):
                members.append(int(status.parent.name))
    return sorted(members, key=lambda process: process != leader)


def _without_environment(path: str) -> str:
    """PATH without the folders of virtual environments."""
    folders = path.split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder).parent / "pyvenv.cfg").exists())
