"""The calls of GitHub's REST API that the jobs make, on this machine. Assumed: that GitHub answers so."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

WRITER = "github-actions[bot]"
TOKEN = "ghs_" + "t" * 36
REPOSITORY = "team/network"


class PretendGitHub:
    """One repository. `comments` and `issues` are what is there; `closed` are numbers of pull requests."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.closed: set[int] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """What a job's environment says of it."""
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": TOKEN,
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def comment(self, number: int, body: str, login: str = WRITER) -> dict[str, Any]:
        made = {"id": len(self.comments) + 1, "number": number, "body": body, "user": {"login": login}}
        made["html_url"] = f"comment-{made['id']}"
        self.comments.append(made)
        return made

    def issue(self, title: str, body: str, labels: list[str], login: str = WRITER) -> dict[str, Any]:
        made = {"number": len(self.issues) + 100, "title": title, "body": body, "labels": labels, "state": "open"}
        made |= {"user": {"login": login}, "html_url": f"issue-{made['number']}"}
        self.issues.append(made)
        return made

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        """The answer's body, or None: 404."""
        number = int((re.findall(r"\d+", path) or ["0"])[0])
        match method, re.sub(r"\d+", "N", path):
            case "GET", "issues/N/comments":
                return _page([one for one in self.comments if one["number"] == number], query)
            case "POST", "issues/N/comments":
                return self.comment(number, body["body"])
            case "PATCH", "issues/comments/N":
                return _changed(next(one for one in self.comments if one["id"] == number), body)
            case "GET", "issues":
                wanted = set(query["labels"])
                open_ones = [one for one in self.issues if one["state"] == "open" and wanted <= set(one["labels"])]
                return _page(open_ones, query)
            case "POST", "issues":
                return self.issue(body["title"], body["body"], body["labels"])
            case "PATCH", "issues/N":
                return _changed(next(one for one in self.issues if one["number"] == number), body)
            case "GET", "pulls/N":
                return {"state": "closed" if number in self.closed else "open"}
        return None


def _changed(one: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    one.update(body)
    return one


def _page(items: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    size, page = int(query["per_page"][0]), int(query["page"][0])
    return items[(page - 1) * size : page * size]


def _handler(github: PretendGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            place = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            path = place.path.removeprefix(f"/repos/{REPOSITORY}/")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, found = 401, None
            else:
                found = github.answer(self.command, path, parse_qs(place.query), body)
                status = 404 if found is None else 200
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet: the tests read what was kept."""

    return Handler
