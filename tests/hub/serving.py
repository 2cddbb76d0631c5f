"""A stand-in for the hub's HTTP API on this machine: repositories in memory, whole files, LFS where it is asked for."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Files = dict[str, bytes]
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
API = re.compile(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main")


class Hub(ThreadingHTTPServer):
    """`repositories` has the commits of each; `asked` lists every request; `sizes` and `commit` override headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, Files]] = {}
        self.asked: list[str] = []
        self.visibility: dict[str, str] = {}
        self.uploads: Files = {}  # by SHA-256
        self.large = 10**6  # bytes from which a file is uploaded apart
        self.sizes: dict[str, int] = {}
        self.commit: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, repo: str, files: Files) -> str:
        """Commit `files`, and return the commit."""
        commits = self.repositories.setdefault(repo, {})
        commit = hashlib.sha1(repr((len(commits), sorted(files))).encode()).hexdigest()
        commits[commit] = files
        return commit


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._resolve(body=False)

    def do_GET(self) -> None:
        self._resolve(body=True)

    def _resolve(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        match = RESOLVE.fullmatch(self.path)
        commits = self.server.repositories.get(match[1]) if match else None
        if match is None or commits is None:
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})
            return
        commit = list(commits)[-1] if match[2] == "main" else match[2]
        if commit not in commits:
            self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        headers = {"X-Repo-Commit": self.server.commit or commit}
        content = commits[commit].get(match[3])
        if content is None:
            self._answer(404, b"", {**headers, "X-Error-Code": "EntryNotFound"})
            return
        headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        if match[3] in self.server.sizes:
            headers["X-Linked-Size"] = str(self.server.sizes[match[3]])
        self._answer(200, content, headers, body=body)

    def do_PUT(self) -> None:
        content = self._body()
        self.server.asked.append(f"PUT {self.path}")
        self.server.uploads[hashlib.sha256(content).hexdigest()] = content
        self._answer(200, b"")

    def do_POST(self) -> None:
        content = self._body()
        self.server.asked.append(f"POST {self.path}")
        if self.headers["Authorization"] != "Bearer hf_test":
            self._answer(401, b'{"error": "Invalid username or password."}')
            return
        match = API.fullmatch(self.path.partition("?")[0])
        if self.path == "/api/repos/create":
            self._create(json.loads(content))
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(content))
        elif match is not None and match[2] == "preupload":
            self._preupload(json.loads(content))
        elif match is not None:
            self._commit(match[1], [json.loads(line) for line in content.splitlines()])
        else:
            self._answer(404, b"")

    def _create(self, asked: dict[str, Any]) -> None:
        repo = f"{asked['organization']}/{asked['name']}"
        there = repo in self.server.repositories
        if not there:
            self.server.repositories[repo] = {}
            self.server.visibility[repo] = asked.get("visibility") or str(asked.get("private"))
        self._json({"url": f"{self.server.url}/{repo}", "error": "exists"}, 409 if there else 200)

    def _preupload(self, asked: dict[str, Any]) -> None:
        files = [
            {"path": each["path"], "shouldIgnore": False,
             "uploadMode": "lfs" if each["size"] > self.server.large else "regular"}
            for each in asked["files"]
        ]  # fmt: skip
        self._json({"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.server.url}/lfs/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        files = {}
        for value in (line["value"] for line in lines if line["key"] in ("file", "lfsFile")):
            apart = "oid" in value
            files[value["path"]] = self.server.uploads[value["oid"]] if apart else base64.b64decode(value["content"])
        commit = self.server.add(repo, files)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.server.url}/{repo}/commit/{commit}"})

    def _json(self, content: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None, *, body: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        thread = Thread(target=hub.serve_forever, args=(0.01,))
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
