"""The tables a stand-in provider is made of: a plugin, its resources, its look-ups.

Functions in a table see plain values: no secrets, and unknowns only in `check` and `defaults`, as a preview
calls nothing else.
What is secret among the outputs is decided by the servicer, as the engine and the real bridges do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lab.clouds.plugins.values import Values

EMPTY: frozenset[str] = frozenset()
# Maps with keys of the user's: a key added in the cloud is drift, unlike a field of an object.
USER_MAPS = frozenset({"tags", "freeformTags", "definedTags", "volumeTags", "environment"})


@dataclass(frozen=True)
class Failure:
    """Why `check` refuses an input. An empty `name` concerns the whole resource."""

    name: str
    reason: str


class ProviderError(Exception):
    """An operation the cloud refused; the text is what the user reads."""


class InitFailedError(ProviderError):
    """The object exists but never became usable: the engine keeps it in its state, marked as failed."""

    def __init__(self, identifier: str, outputs: Values, reason: str) -> None:
        super().__init__(reason)
        self.identifier = identifier
        self.outputs = outputs


@dataclass(frozen=True)
class Call:
    """What one operation may use besides the values."""

    config: Values
    """The provider's configuration, plain."""
    environment: Mapping[str, str]
    """The engine's environment."""
    name: str
    """Logical name of the resource; empty for a look-up."""
    timeout: float | None
    """Seconds from the resource's customTimeouts, if any."""
    cancelled: threading.Event
    """Set when the engine wants everything to stop: whatever waits must look at it."""
    log: Callable[[str], None]
    """Shows a line beside the resource while the operation runs."""


Check = Callable[[Values, Values], Iterable[Failure]]
"""(inputs with defaults, provider configuration) -> refusals. Inputs may hold UNKNOWN."""
Create = Callable[[Call, Values], tuple[str, Values]]
"""(call, inputs) -> (id, outputs)."""
Read = Callable[[Call, str, Values], Values | None]
"""(call, id, last known state) -> outputs, or None when the object is gone. An output of None is dropped."""
Update = Callable[[Call, str, Values, Values], Values]
"""(call, id, last known state, new inputs) -> outputs."""
Delete = Callable[[Call, str, Values], None]
"""(call, id, last known state). An object that is gone already is a success."""
Lookup = Callable[[Call, Values], Values]
"""(call, arguments) -> result."""


def _accept(_inputs: Values, _config: Values) -> Iterable[Failure]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource type. Property names are the engine's, in camelCase."""

    inputs: frozenset[str]
    """Every input that is implemented; any other is refused."""
    create: Create
    read: Read | None = None
    """Without it a refresh believes the state."""
    update: Update | None = None
    """Without it every change replaces."""
    delete: Delete | None = None
    """Without it there is nothing to delete."""
    check: Check = _accept
    defaults: Callable[[Values, Values], Values] = field(default=lambda inputs, config: inputs)
    """(inputs, provider configuration) -> inputs with the provider's own defaults."""
    required: frozenset[str] = EMPTY
    force_new: frozenset[str] = EMPTY
    """Inputs whose change replaces the resource."""
    force_new_paths: frozenset[str] = EMPTY
    """The same for fields inside objects, e.g. `rootBlockDevice.encrypted`."""
    computed: frozenset[str] = EMPTY
    """Outputs that a preview of a creation cannot know, unless given as inputs: to give such an input no more is no
    change. Paths of fields, e.g. `rootBlockDevice.encrypted`, count for the latter only."""
    recomputed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Outputs that a preview of an update cannot know, each with the inputs whose change moves it; none: whichever."""
    secret_outputs: frozenset[str] = EMPTY
    unordered: frozenset[str] = EMPTY
    """Lists that are sets to the cloud: another order is no change."""
    auto_name: str | None = None
    """Input that gets `<logical name>-<7 hexadecimal digits>` when it is not given."""
    delete_before_replace: bool = False
    replaces_when: Callable[[Values, Values], Iterable[str]] = field(default=lambda old, new: ())
    """(old inputs, new inputs) -> further inputs whose change replaces, where that depends on values."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One stand-in provider."""

    name: str
    version: str
    environment: Mapping[str, str]
    resources: Mapping[str, Resource]
    functions: Mapping[str, Lookup] = field(default_factory=dict)
    check_config: Callable[[Values], Iterable[Failure]] = lambda _: ()
    """Refuses a provider configuration. Values may be UNKNOWN."""
    config_force_new: frozenset[str] = EMPTY
    """Configuration whose change replaces the provider, and so all its resources."""
    explain: Callable[[Exception], str | None] = lambda _: None
    """The text for an error of the cloud's SDK; None for any other error."""
    any_secret_hides_all: bool = False
    """True for providers built like pulumi-command: one secret input makes every output secret. Else, as for
    bridged providers, an output is secret where the input of the same name is."""
