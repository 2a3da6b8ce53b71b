"""Annotators who commit pages, and an engineer who imports, reindexes and swaps; none of them gives up."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from bench.chaos.house import House

PAGE = 12
WANTED = {"size": PAGE, "plant": False}
PAGES_OF_A_CLASS = 6
_AGAIN_AFTER_S = 0.1


class Over(Exception):
    """There is no more time for this request."""


@dataclass(frozen=True)
class Acknowledged:
    """A commit that was answered well, and what it was told."""

    commit: int
    page: int
    verdicts: dict[str, str]  # image -> value


@dataclass
class Told:
    """What one client was told by the server, however often the server died."""

    commits: list[Acknowledged] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Somebody whose program sends each request until it is answered."""

    def __init__(self, house: House, name: str, seed: str, over: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.told = Told()
        self.doing: str | None = None
        self.house = house
        self.random = random.Random(seed)
        self.over = over

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.act()
        except Over:
            pass
        except Exception as error:
            self.told.faults.append(f"{self.name} was answered what it cannot understand: {error!r}")

    def act(self) -> None:
        raise NotImplementedError

    def ask(self, method: str, path: str, body: object = None, *, doing: str = "other") -> tuple[int, Any]:
        """Send a request until it is answered; 503 says to try again. Raises Over."""
        tries = 0
        while True:
            self.doing = doing
            try:
                status, answer = self.house.ask(method, f"/api/v1{path}", body)
            except (OSError, HTTPException, ValueError):
                status, answer = 503, None
                self.told.counts[f"{doing} without an answer"] += 1
            finally:
                self.doing = None
            if status >= 500 and status != 503:
                self.told.faults.append(f"{method} {path} was answered {status}: {answer}")
            if status != 503:
                self.told.counts[f"{doing} answered after {'one try' if tries == 0 else 'several'}"] += 1
                return status, answer
            if self.over.is_set():
                raise Over
            tries += 1
            time.sleep(_AGAIN_AFTER_S)


class Annotator(Client):
    """Labels one class of one pool after another, a few pages each; undoes and repeats now and then."""

    def act(self) -> None:
        pool = f"/pools/{quote(self.random.choice(self.house.pools))}"
        name = f"{self.name} {self.random.getrandbits(40):x}"
        self.ask("POST", f"{pool}/classes", {"name": name})
        _, images = self.ask("GET", f"{pool}/images")
        start = self.random.choice(images["items"])["id"]
        status, review = self.ask("POST", f"{pool}/reviews", {"class": name, "query": {"images": [start]}})
        if status == 409:
            return  # An image that is not in the index yet.
        along = None
        for _ in range(PAGES_OF_A_CLASS):
            page = along or self.ask("POST", f"/reviews/{review['id']}/pages", WANTED)[1]
            shown = [candidate["image"] for candidate in page["candidates"]]
            if not shown or self.over.is_set():
                return
            along = self._commit(page["id"], shown)
            if self.random.random() < 0.15:
                along = self._undo(page["id"], shown)

    def _commit(self, page: int, shown: list[str]) -> dict[str, Any] | None:
        """Return the page that comes along, if one does; half of them were foreseen."""
        rejected = sorted(self.random.sample(shown, self.random.randrange(len(shown))))
        if self.random.random() < 0.5:
            self.ask("POST", f"/pages/{page}/ahead", {"rejected": rejected})
        body = {"rejected": rejected, "key": f"{self.random.getrandbits(64):x}", "next": WANTED}
        status, answer = self.ask("POST", f"/pages/{page}/commit", body, doing="commit")
        if status != 200:
            self.told.faults.append(f"The commit of page {page} was answered {status}: {answer}")
            return None
        along: dict[str, Any] | None = answer.pop("next")
        values = {image: "reject" if image in rejected else "accept" for image in shown}
        self.told.commits.append(Acknowledged(answer["commit"], page, values))
        if self.random.random() < 0.2:
            status, again = self.ask("POST", f"/pages/{page}/commit", body, doing="repetition")
            next_again = again.pop("next", None)
            same = along is None or next_again is None or next_again["id"] == along["id"]
            if (status, again, same) != (200, answer, True):
                self.told.faults.append(f"The commit of page {page}, repeated, was answered otherwise: {again}")
        return along if along and along["id"] else None

    def _undo(self, page: int, shown: list[str]) -> dict[str, Any] | None:
        status, answer = self.ask("DELETE", f"/pages/{page}/commit", doing="undo")
        # 404: it was undone already, by a request whose answer was lost.
        if status not in {200, 404}:
            self.told.faults.append(f"The undo of page {page} was answered {status}: {answer}")
            return None
        return self._commit(page, shown)


class Engineer(Client):
    """Adds pictures and imports them, reindexes, and serves one index version or another."""

    def act(self) -> None:
        name = self.random.choice(self.house.pools)
        pool = f"/pools/{quote(name)}"
        chosen = self.random.random()
        if chosen < 0.3:
            folder = self.house.add_pictures(name, self.random.randint(1, 3))
            self.ask("POST", f"{pool}/imports", {"folder": str(folder), "reindex": True}, doing="asking for an import")
        elif chosen < 0.5:
            self.ask("POST", f"{pool}/reindex", doing="asking for a reindex")
        else:
            _, versions = self.ask("GET", f"{pool}/index-versions")
            wanted = self.random.choice(versions["items"])["id"]
            self.ask("PUT", f"{pool}/served", {"index_version": wanted}, doing="swap")
        time.sleep(self.random.uniform(0.2, 1.5))
