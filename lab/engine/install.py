"""The real Pulumi engine: the installed one if it is new enough, else built from pinned Go modules.

`python3 -m lab.engine.install` prints the folder that holds it. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from lab.setup.cache import fingerprint, make_once
from lab.setup.steps import SetUpError, main, run, say, step

HERE = Path(__file__).resolve().parent
PROJECT_FILE = HERE.parents[1] / "Pulumi.yaml"
CLI = HERE / "cli"
LANGUAGE = HERE / "language"
SDK = "github.com/pulumi/pulumi/sdk/v3"
HOST = "pulumi-language-python"
LAUNCHER = "pulumi-language-python-exec"

Version = tuple[int, ...]


def engine_folder() -> Path:
    """The folder with `pulumi` and its Python language host. Raises SetUpError where none can be had."""
    return installed() or make_once(_name(), build)


def installed() -> Path | None:
    """The folder of the `pulumi` on PATH, or None, with a line that says why, if it will not do."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        return None
    version = _version(run([pulumi, "version"], env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}))
    if version < minimum():
        say(f"{pulumi} is {_dotted(version)}, older than {_dotted(minimum())}: not used")
        return None
    # A package manager may put a link to `pulumi` alone on PATH.
    for folder in (Path(pulumi).parent, Path(pulumi).resolve().parent):
        if all(os.access(folder / name, os.X_OK) for name in (HOST, LAUNCHER)):
            return folder
    say(f"{pulumi} has no {HOST} and {LAUNCHER} beside it: not used")
    return None


def build(folder: Path) -> None:
    """Build engine and language host into `folder`. Raises SetUpError: no Go, Go too old, build failed."""
    go = _go()
    engine = pinned(CLI)
    with step(f"Pulumi engine {engine} from Go modules (about 4 minutes, 1.6 GB of modules)"):
        _build(go, CLI, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", engine, folder / "pulumi")
    host = pinned(LANGUAGE)
    with step(f"Python language host {host} from Go modules (about half a minute)"):
        _build(go, LANGUAGE, f"{SDK}/python/cmd/{HOST}", host, folder / HOST)
    source = run([go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK], cwd=CLI, env=_environment())
    launcher = folder / LAUNCHER
    # Module caches keep no run bit, and are read-only.
    shutil.copyfile(Path(source.strip()) / "python" / "cmd" / LAUNCHER, launcher)
    launcher.chmod(0o755)


def minimum() -> Version:
    """The oldest engine that may run the program, from the project file's requiredPulumiVersion."""
    found = re.search(r"^requiredPulumiVersion:.*", PROJECT_FILE.read_text(), re.MULTILINE)
    return _version(found[0] if found else "")


def pinned(module: Path) -> str:
    """The version of Pulumi's SDK module that the go.mod in folder `module` names, without its `v`."""
    found = re.search(rf"{re.escape(SDK)} v(\S+)", (module / "go.mod").read_text())
    if found is None:
        raise SetUpError(f"{module / 'go.mod'} does not require {SDK}")
    return found[1]


def _name() -> str:
    files = [folder / name for folder in (CLI, LANGUAGE) for name in ("go.mod", "go.sum")]
    return f"engine-{pinned(CLI)}-{fingerprint(*files)}"


def _go() -> str:
    """The Go command. Raises SetUpError if there is none, or it is older than the modules need."""
    wanted = f"Go {_dotted(_needed())} or newer, to build the Pulumi engine (or pulumi >= {_dotted(minimum())} on PATH)"
    go = shutil.which("go")
    if go is None:
        raise SetUpError(f"no go on PATH: please install {wanted}")
    # Asked inside the module, so that a Go which may fetch a newer one of itself does.
    asked = subprocess.run(
        [go, "env", "-json", "GOVERSION"], cwd=CLI, env=_environment(), capture_output=True, text=True, check=False
    )
    if asked.returncode != 0 or _version(json.loads(asked.stdout)["GOVERSION"]) < _needed():
        raise SetUpError(f"{go} is too old: please install {wanted}")
    return go


def _needed() -> Version:
    return _version(next(line for line in (CLI / "go.mod").read_text().splitlines() if line.startswith("go ")))


def _build(go: str, module: Path, package: str, version: str, binary: Path) -> None:
    flags = f"-s -w -X {SDK}/go/common/version.Version={version}"
    # What debuggers read is a tenth of the compiler's work, and `-s -w` would throw it away.
    command: list[str | Path] = [
        go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false",
        "-ldflags", flags, "-o", binary, package,
    ]  # fmt: skip
    run(command, cwd=module, env=_environment())


def _environment() -> dict[str, str]:
    # No C compiler is needed, and no flag or workspace of the user's may change what is built. A compiler that
    # collects its garbage half as often has less to do.
    return {"GOGC": "200", **os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


def _version(text: str) -> Version:
    found = re.search(r"\d+(?:\.\d+)+", text)
    if found is None:
        raise SetUpError(f"no version in {text.strip()!r}")
    return tuple(int(number) for number in found[0].split("."))


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    main(lambda: print(engine_folder()))
