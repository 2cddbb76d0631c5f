"""Whether a server can be reached at all, found out in seconds."""

import threading

import requests

PROBE_SECONDS = 4.0


def why_unreachable(address: str) -> str | None:
    """Return why `address` gives no answer within PROBE_SECONDS; None if it gives any. Proxies are used as set.

    The request has a thread of its own, for no timeout of it covers the look-up of a name.
    """
    outcome: list[str | None] = []

    def ask() -> None:
        try:
            requests.head(address, timeout=PROBE_SECONDS)
            outcome.append(None)
        except requests.RequestException as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return outcome[0] if outcome else f"no answer in {PROBE_SECONDS:g} s"
