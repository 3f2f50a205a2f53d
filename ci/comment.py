"""The text about a stack that goes to GitHub: a table of changes first, the engine's own words folded behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ci.changes import rows, summary, table
from lab.engine.result import COLOUR, Result

# GitHub refuses a longer body. https://docs.github.com/en/rest/issues/comments
LIMIT = 65_536
# More rows are folded: a first deployment is nothing but creates.
VISIBLE_ROWS = 25
_ERRORS = 5


@dataclass(frozen=True, kw_only=True)
class About:
    """What a text is about, and where its job's log is."""

    stack: str
    commit: str = ""
    log: str = ""


def marker(kind: str, stack: str) -> str:
    """The first line of a text, by which it is found again; nobody sees it."""
    return f"<!-- aws-oci-libreswan {kind}: {stack} -->"


def preview(result: Result, about: About) -> str:
    """The comment on a pull request, at most LIMIT characters."""
    changed = rows(result)
    said = summary(changed) if result.ok else "it fails"
    at = f" at {about.commit[:7]}" if about.commit else ""
    return body(marker("preview", about.stack), f"Preview of `{about.stack}`{at}: {said}", result, about)


def body(first_line: str, heading: str, result: Result, about: About, words: str = "") -> str:
    """Marker, heading, words, errors, policies, table and, folded, all that the engine said."""
    changed = rows(result)
    parts = [f"{first_line}\n### {heading}", words, _errors(result), _policies(result)]
    if changed:
        listed = table(changed)
        parts.append(listed if len(changed) <= VISIBLE_ROWS else _folded(f"{len(changed)} resources", listed))
    short = "\n\n".join(part for part in parts if part)
    room = LIMIT - len(short) - 500
    said = _cut(result.text.strip("\n"), room, about.log)
    return f"{short}\n\n{_folded('All that `pulumi` said', _fenced(said))}\n"


def _errors(result: Result) -> str:
    errors = [] if result.ok else result.messages("error")[:_ERRORS]
    return _fenced("\n".join(errors)) if errors else ""


def _policies(result: Result) -> str:
    lines = []
    for event in result.events:
        if broken := event.get("policyEvent"):
            message = " ".join(COLOUR.sub("", broken["message"]).split())
            name = broken["resourceUrn"].rsplit("::", 1)[-1]
            lines.append(f"- policy `{broken['policyName']}` ({broken['enforcementLevel']}), `{name}`: {message}")
    return "\n".join(sorted(set(lines)))


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _fenced(text: str) -> str:
    """A block that nothing in the text can end, in the colours that GitHub gives to a diff."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    # GitHub colours by the first character of a line; the engine indents, and marks an update by a tilde.
    coloured = re.sub(r"^( *)([-+~])", lambda sign: sign[2].replace("~", "!") + sign[1], text, flags=re.MULTILINE)
    return f"{fence}diff\n{coloured}\n{fence}"


def _cut(text: str, room: int, log: str) -> str:
    if len(text) <= room:
        return text
    # A comment's room may be gone with its table alone.
    kept = text[: max(0, room - 200)].rpartition("\n")[0]
    left = text.count("\n") - kept.count("\n")
    return f"{kept}\n… {left} more lines: a comment holds no more. The job's log has all of it{log and f': {log}'}"
