"""Six people do all that people do, at once: no request fails, and labels are what the verdicts amount to."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.identity.log_ins import start_log_in
from app.settings import Settings
from app.tables import Label
from tests.people import add_person
from tests.seeded import seed_pool, serve_new_version, two_heaps

PEOPLE = ("ada", "bo", "cy", "di", "ed", "flo")
CLASSES = ("owl", "lark", "wren")
ACTS = 30  # of each
RULES: tuple[dict[str, Any], ...] = (
    {"rule": "latest"},
    {"rule": "first"},
    {"rule": "lead"},
    {"rule": "majority", "majority_of": 3},
)
POOL = "/pools/birds"


@dataclass
class Hand:
    """One person, who does one thing after another by chance."""

    client: TestClient
    cookie: str
    images: list[str]
    random: random.Random
    commits: list[int]  # everybody's
    reviews: list[int] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    lots: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    done: int = 0

    def work(self) -> Hand:
        acts: list[Callable[[], None]] = [self.turn] * 6 + [self.commit] * 6 + [self.undo] * 3 + [self.correct] * 2
        acts += [self.settle, self.take_another_rule, self.merge, self.unmerge, self.rename, self.review, self.second]
        acts += [self.lot, self.sample, self.accept_lot, self.let_lot_go, self.move]
        self.review()
        for _ in range(ACTS):
            self.random.choice(acts)()
        return self

    def review(self) -> None:
        self._begin({"class": self._class(), "query": {"images": [self.random.choice(self.images)]}})

    def second(self) -> None:
        self._begin({"class": self._class(), "kind": "second"})

    def turn(self) -> None:
        if self.reviews:
            self._show(f"/reviews/{self.random.choice(self.reviews)}/pages", {"size": 12})

    def commit(self) -> None:
        if self.pages:
            page = self.random.choice(self.pages[-3:])
            marks = {"rejected": [tile["image"] for tile in page["candidates"] if self.random.random() < 0.3]}
            if self.random.random() < 0.7:
                self.ask("POST", f"/pages/{page['id']}/ahead", marks)
            answer = self._give(f"/pages/{page['id']}/commit", marks | {"next": {"size": 12}})
            if answer.is_success and answer.json()["next"] and answer.json()["next"]["id"]:
                self.pages.append(answer.json()["next"])

    def undo(self) -> None:
        if self.commits:
            self.ask("DELETE", f"/commits/{self.random.choice(self.commits)}")

    def correct(self) -> None:
        body = {"images": self.random.sample(self.images, 9), "verdict": self.random.choice(["accept", "reject"])}
        self._give(f"{POOL}/classes/{self._class()}/verdicts", body)

    def settle(self) -> None:
        body = {"images": self.random.sample(self.images, 9), "verdict": self.random.choice(["accept", "reject"])}
        self._give(f"{POOL}/classes/{self._class()}/settlements", body)

    def take_another_rule(self) -> None:
        self.ask("PUT", f"{POOL}/rule", self.random.choice(RULES))

    def merge(self) -> None:
        one, other = self.random.sample(CLASSES, 2)
        self.ask("POST", f"{POOL}/classes/{one}/merge", {"into": other})

    def unmerge(self) -> None:
        self.ask("DELETE", f"{POOL}/classes/{self._class()}/merge")

    def rename(self) -> None:
        name = self._class()
        self.ask("PATCH", f"{POOL}/classes/{name}", {"name": name.title()})

    def lot(self) -> None:
        if self.reviews:
            answer = self.ask("POST", f"/reviews/{self.random.choice(self.reviews)}/lots", {"size": 20, "looks": 1})
            if answer.is_success:
                self.lots.append(answer.json()["id"])

    def sample(self) -> None:
        if self.lots:
            self._show(f"/lots/{self.lots[-1]}/pages", None)

    def accept_lot(self) -> None:
        if self.lots:
            self.ask("POST", f"/lots/{self.lots[-1]}/commit", {})

    def let_lot_go(self) -> None:
        if self.lots:
            self.ask("DELETE", f"/lots/{self.random.choice(self.lots)}")

    def move(self) -> None:
        versions = self.ask("GET", f"{POOL}/index-versions").json()["items"]
        if self.reviews:
            body = {"index_version": self.random.choice(versions)["id"]}
            self.ask("PUT", f"/reviews/{self.random.choice(self.reviews)}/index-version", body)

    def _class(self) -> str:
        return self.random.choice(CLASSES)

    def _begin(self, body: dict[str, Any]) -> None:
        answer = self.ask("POST", f"{POOL}/reviews", body)
        if answer.is_success:
            self.reviews.append(answer.json()["id"])

    def _show(self, path: str, body: dict[str, Any] | None) -> None:
        answer = self.ask("POST", path, body)
        if answer.is_success and answer.json()["id"] is not None:
            self.pages.append(answer.json())

    def _give(self, path: str, body: dict[str, Any]) -> Response:
        answer = self.ask("POST", path, body)
        if answer.is_success:
            self.commits.append(answer.json()["commit"])
        return answer

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
        answer = self.client.request(method, f"/api/v1{path}", json=body, headers={"Cookie": f"winnow={self.cookie}"})
        self.done += answer.is_success
        if answer.is_server_error:
            self.failed.append(f"{method} {path} {body}: {answer.status_code} {answer.text}")
        return answer


@pytest.mark.parametrize("classes_per_image", ["one", "several"])
def test_all_that_people_do_at_once_comes_to_an_end_and_the_labels_are_right(
    settings: Settings, database: Database, client: TestClient, classes_per_image: str
) -> None:
    pool = seed_pool(
        settings, database, vectors=two_heaps(60, 140), classes=CLASSES, classes_per_image=classes_per_image
    )
    serve_new_version(settings, database, pool, vectors=two_heaps(60, 140))
    commits: list[int] = []
    hands = [
        Hand(client, log_in(database, name), pool.images, random.Random(number), commits)
        for number, name in enumerate(PEOPLE)
    ]
    with ThreadPoolExecutor(len(hands)) as people:
        list(people.map(Hand.work, hands))
    assert [told for hand in hands for told in hand.failed] == []
    assert sum(hand.done for hand in hands) > len(hands) * ACTS / 3
    assert commits

    # Another rule works all labels out anew, and so does the way back.
    kept = labels(database)
    (lead, *_) = hands
    rule = lead.ask("GET", f"{POOL}/rule").json()["rule"]
    again = next(body for body in RULES if body["rule"] == rule)
    for body in (next(body for body in RULES if body["rule"] != rule), again):
        assert lead.ask("PUT", f"{POOL}/rule", body).status_code == 200
    assert kept == labels(database) != []


def log_in(database: Database, name: str) -> str:
    """Add a lead and return the secret of a log-in."""
    person = add_person(database, name, role="lead")
    with database.write() as session:
        return start_log_in(session, person_id=person.id, days=1)


def labels(database: Database) -> list[tuple[int, int, int, str, bool]]:
    """Return all labels of the database: class, image, verdict, value and whether they are disputed."""
    columns = Label.class_id, Label.image_id, Label.verdict_id, Label.value, Label.disputed
    with database.read() as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(*columns))]
