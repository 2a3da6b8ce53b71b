"""Scripted annotators: each reads a page, marks it, stores it and asks for the next one, as a browser would."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2

PAGE = 60
# Nothing is planted: a planted tile is one that was shown before, on purpose.
WANTED = {"size": PAGE, "plant": False}
SECONDS_A_TILE = 0.2
SPREAD = 0.25  # of the logarithm of what a page takes
POLL_S = 4.0
_AGAIN_S = 0.5


@dataclass
class Shown:
    """A page as an annotator's script was given it."""

    images: list[str]
    class_name: str
    at: float  # when its answer had come
    stored_at: float = math.inf  # when its commit was sent
    accepted: frozenset[str] = frozenset()


@dataclass
class Notes:
    """What an annotator's script believes."""

    shown: list[Shown] = field(default_factory=list)
    verdicts: dict[tuple[str, str], str] = field(default_factory=dict)  # by (image, class)
    doubled: int = 0  # images of which it believes to have decided twice for a class
    turns: list[float] = field(default_factory=list)  # milliseconds from the commit to the next page
    by_others: int = 0
    troubles: list[str] = field(default_factory=list)


class Annotator:
    """One person with one review; `truth` is the class of each image."""

    def __init__(
        self, client: httpx2.AsyncClient, *, pool: str, class_name: str, truth: dict[str, str], seed: int
    ) -> None:
        self.client = client
        self.pool = f"/api/v1/pools/{quote(pool, safe='')}"
        self.class_name = class_name
        self.truth = truth
        self.random = random.Random(seed)
        self.notes = Notes()
        self.review = 0
        self.page: dict[str, Any] = {}
        self.seen: set[str] = set()  # thumbnails, which a browser keeps

    async def begin(self) -> None:
        """Start a review from an image of the class and get the first page."""
        query = self.random.choice([image for image, name in self.truth.items() if name == self.class_name])
        body = {"class": self.class_name, "query": {"images": [query]}}
        self.review = (await self._send("POST", f"{self.pool}/reviews", body))["id"]
        await self._turn()

    async def work(self, *, until: float, think: bool) -> None:
        """Turn pages until that moment; with `think`, at the pace of somebody who looks at each tile."""
        if think:
            # Nobody begins in step with the others.
            await asyncio.sleep(self.random.uniform(0, PAGE * SECONDS_A_TILE))
        while time.monotonic() < until and self.page["id"] is not None:
            images = [tile["image"] for tile in self.page["candidates"]]
            rejected = [image for image in images if self.truth[image] != self.class_name]
            if think:
                await self._look(images, rejected)
            begin = time.perf_counter()
            self.notes.shown[-1].stored_at = time.monotonic()
            key = secrets.token_hex(8)
            decision = {"rejected": rejected, "key": key, "next": WANTED}
            stored = await self._send("POST", self._of_page("commit"), decision)
            self._note(images, set(rejected), stored)
            await self._turn(stored["next"])
            self.notes.turns.append(1000 * (time.perf_counter() - begin))

    async def _look(self, images: list[str], rejected: list[str]) -> None:
        """Do what a browser does while somebody looks at a page."""
        seconds = PAGE * SECONDS_A_TILE * self.random.lognormvariate(0, SPREAD)
        end = time.monotonic() + seconds
        await self._ahead([])
        await self._get(f"/api/v1/reviews/{self.review}/outlook?size={PAGE}&page={self.page['id']}")
        # Most marks come in one burst, after which the browser looks ahead again.
        await asyncio.sleep(seconds / 2)
        await self._ahead(rejected)
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, POLL_S))
            await self._get(f"{self.pool}/at-work?class={quote(self.class_name)}")

    async def _ahead(self, rejected: list[str]) -> None:
        ahead = await self._send("POST", self._of_page("ahead"), {"rejected": rejected})
        if fresh := [image for image in ahead["images"] if image not in self.seen]:
            self.seen.update(fresh)
            await self._thumbnails(fresh)

    async def _turn(self, along: dict[str, Any] | None = None) -> None:
        """Look at the page that came along with a commit's answer, or ask for one."""
        self.page = along or await self._send("POST", f"/api/v1/reviews/{self.review}/pages", WANTED)
        images = [tile["image"] for tile in self.page["candidates"]]
        self.notes.shown.append(Shown(images, self.class_name, time.monotonic()))

    def _note(self, images: list[str], rejected: set[str], stored: dict[str, Any]) -> None:
        theirs = {told["image"] for told in stored["by_others"]}
        self.notes.by_others += len(theirs)
        self.notes.shown[-1].accepted = frozenset(images) - rejected
        for image in images:
            if image not in theirs:
                place = (image, self.class_name)
                self.notes.doubled += place in self.notes.verdicts
                self.notes.verdicts[place] = "reject" if image in rejected else "accept"

    def _of_page(self, act: str) -> str:
        return f"/api/v1/pages/{self.page['id']}/{act}"

    async def _thumbnails(self, images: list[str]) -> None:
        path = f"{self.pool}/thumbnails"
        answer = await self.client.post(path, json={"images": images})
        if answer.status_code != 200 or answer.content.count(b"Content-Type: image/webp") != len(images):
            self.notes.troubles.append(f"{path}: {answer.status_code}")

    async def _get(self, path: str) -> None:
        answer = await self.client.get(path)
        if answer.status_code != 200:
            self.notes.troubles.append(f"{path}: {answer.status_code}")

    async def _send(self, method: str, path: str, body: object) -> Any:
        """Send until it is answered, as the browser does; the same commit sent again counts once."""
        while True:
            try:
                answer = await self.client.request(method, path, json=body)
            except httpx2.TransportError as error:
                self.notes.troubles.append(f"{path}: {error!r}")
            else:
                if answer.status_code < 400:
                    return answer.json()
                self.notes.troubles.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                if answer.status_code < 500:
                    raise SystemExit(self.notes.troubles[-1])
            await asyncio.sleep(_AGAIN_S)
