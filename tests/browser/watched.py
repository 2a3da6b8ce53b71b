"""What must not happen in any page: errors, violations of the content security policy, requests to other hosts."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page

# The browser finds no host but this machine, and says so of whatever it is asked to fetch from another one. Looking at
# each request instead takes a tenth of what a page costs.
NO_OTHER_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
ELSEWHERE = "net::ERR_NAME_NOT_RESOLVED"
LOST_CONNECTION = "net::ERR_"


class Watch:
    """Collects complaints about pages. `connection_fails` allows for requests that a test lets fail."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.connection_fails = False
        self.refusals = 0  # how many answers with an error a test expects

    def over(self, page: Page) -> None:
        """Watch a page of a browser that was started with NO_OTHER_HOST."""
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if self.connection_fails and LOST_CONNECTION in message.text and ELSEWHERE not in message.text:
            return
        if self.refusals and "the server responded with a status of 4" in message.text:
            self.refusals -= 1
            return
        self.complaints.append(f"{message.type}: {message.text}")
