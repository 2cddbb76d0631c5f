"""Stand-ins for W&B's server, on the loopback interface."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0" * 40
VIEWER = {"id": "a", "entity": "someone", "username": "user", "flags": "{}", "teams": {"edges": []}}
PROJECT = {
    "id": "b", "internalId": "UHJvamVjdEludGVybmFsSWQ6MQ==", "name": "fastfcn", "entityName": "someone",
    "createdAt": "2026-01-01T00:00:00Z", "isBenchmark": False, "user": None,
}  # fmt: skip
VIEW = {"view": {"id": "Vmlldzox", "name": "nw-abc-v"}, "inserted": True}


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve `handler` and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Refusing(BaseHTTPRequestHandler):
    """Takes no key."""

    def do_POST(self) -> None:
        """Refuse."""
        self.send_response(401)
        self.end_headers()

    do_GET = do_POST  # noqa: N815  # the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def taking(saved: list[dict[str, Any]], *, project: Mapping[str, Any] | None) -> type[BaseHTTPRequestHandler]:
    """Return a handler that takes views into `saved`, as W&B takes a key's owner's; it knows one project, or none."""

    class Taking(Refusing):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            query = json.loads(content) if content.startswith(b"{") else {"query": ""}  # else the client's telemetry
            if re.search(r"mutation upsertView", query["query"], re.IGNORECASE):
                saved.append(query["variables"])
            edges = [] if project is None else [{"node": project, "cursor": "c"}]
            page = {"hasNextPage": False, "endCursor": None}
            data = {
                "viewer": VIEWER, "project": project, "upsertView": VIEW, "models": {"edges": edges, "pageInfo": page},
            }  # fmt: skip
            answer = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    return Taking
