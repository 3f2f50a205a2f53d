"""The few calls of GitHub's REST API that the jobs need. https://docs.github.com/en/rest"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ci.engine import PipelineError

# Who a job's own token writes as. Somebody else's text is never written over, whatever its first line is.
WRITER = "github-actions[bot]"
_PAGE = 100
_SECONDS = 30


@dataclass(frozen=True)
class GitHub:
    """One repository (`owner/name`), seen with one token."""

    repository: str
    token: str = field(repr=False)
    api: str = "https://api.github.com"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> GitHub | None:
        """As a job's environment says; None without GITHUB_TOKEN, as on one's own machine."""
        token, repository = environment.get("GITHUB_TOKEN"), environment.get("GITHUB_REPOSITORY")
        if not token or not repository:
            return None
        return cls(repository, token, environment.get("GITHUB_API_URL") or cls.api)

    def put_comment(self, number: int, first_line: str, body: str) -> str:
        """Writes the one comment that begins with that line, new or in place: its address. Raises PipelineError."""
        for comment in self._pages(f"issues/{number}/comments"):
            if _ours(comment, first_line):
                edited = self._call("PATCH", f"issues/comments/{comment['id']}", {"body": body})
                return str(edited["html_url"])
        return str(self._call("POST", f"issues/{number}/comments", {"body": body})["html_url"])

    def put_issue(self, title: str, label: str, first_line: str, body: str) -> str:
        """Writes the one open issue that begins with that line, new or in place: its address."""
        if issue := self._issue(label, first_line):
            return str(self._call("PATCH", f"issues/{issue['number']}", {"body": body})["html_url"])
        made = self._call("POST", "issues", {"title": title, "labels": [label], "body": body})
        return str(made["html_url"])

    def close_issue(self, label: str, first_line: str, why: str) -> str | None:
        """Closes that issue with a comment, if it is open: its address."""
        issue = self._issue(label, first_line)
        if issue is None:
            return None
        self._call("POST", f"issues/{issue['number']}/comments", {"body": why})
        return str(self._call("PATCH", f"issues/{issue['number']}", {"state": "closed"})["html_url"])

    def is_closed(self, number: int) -> bool:
        """Whether a pull request is closed or merged."""
        return str(self._call("GET", f"pulls/{number}")["state"]) == "closed"

    def _issue(self, label: str, first_line: str) -> dict[str, Any] | None:
        open_ones = self._pages(f"issues?{urllib.parse.urlencode({'state': 'open', 'labels': label})}")
        return next((issue for issue in open_ones if _ours(issue, first_line)), None)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        joint = "&" if "?" in path else "?"
        page = 1
        while True:
            items = self._call("GET", f"{path}{joint}per_page={_PAGE}&page={page}")
            yield from items
            if len(items) < _PAGE:
                return
            page += 1

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.api}/repos/{self.repository}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            raise PipelineError(f"GitHub refuses {method} {path}: {refused.code} {refused.reason}") from None
        except urllib.error.URLError as failure:
            raise PipelineError(f"GitHub cannot be reached for {method} {path}: {failure.reason}") from None


def _ours(text: Mapping[str, Any], first_line: str) -> bool:
    return text["user"]["login"] == WRITER and (text.get("body") or "").splitlines()[:1] == [first_line]
