"""What must not happen in any page: errors, violations of the content security policy, requests to other hosts."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page, Request

OWN_SCHEMES = ("blob:", "data:")
LOST_CONNECTION = "net::ERR_"


class Watch:
    """Collects complaints about pages. `connection_fails` allows for requests that a test lets fail."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.connection_fails = False
        self.refusals = 0  # how many answers with an error a test expects

    def over(self, page: Page, *, origin: str) -> None:
        def requested(request: Request) -> None:
            if not request.url.startswith((f"{origin}/", *OWN_SCHEMES)):
                self.complaints.append(f"left the origin: {request.url}")

        page.on("request", requested)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if self.connection_fails and LOST_CONNECTION in message.text:
            return
        if self.refusals and "the server responded with a status of 4" in message.text:
            self.refusals -= 1
            return
        self.complaints.append(f"{message.type}: {message.text}")
