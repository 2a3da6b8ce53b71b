"""Requests go through one after the other, those first whom somebody waits for."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from threading import Thread

import pytest

from app import turnstile as module
from app.turnstile import Rank, Turnstile

WAITED_FOR, BESIDE = Rank.WAITED_FOR, Rank.BESIDE


class Crowd:
    """Some who want through, each staying inside until told to leave."""

    def __init__(self) -> None:
        self.turnstile = Turnstile()
        self.inside: list[str] = []
        self._leaving: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, rank: Rank) -> None:
        self._leaving[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._pass(name, rank))
        await settled()

    async def leave(self, name: str) -> None:
        self._leaving[name].set()
        await self._tasks[name]
        await settled()

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks[name]
        await settled()

    async def _pass(self, name: str, rank: Rank) -> None:
        async with self.turnstile.passed(rank):
            self.inside.append(name)
            try:
                await self._leaving[name].wait()
            finally:
                self.inside.remove(name)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_whoever_is_waited_for_goes_before_those_who_came_earlier_but_are_not() -> None:
    async def run() -> None:
        crowd = Crowd()
        for name, rank in {"page": WAITED_FOR, "commit": WAITED_FOR, "look": BESIDE, "undo": WAITED_FOR}.items():
            await crowd.come(name, rank)
        assert crowd.inside == ["page", "commit"]
        await crowd.leave("page")
        assert crowd.inside == ["commit", "undo"]
        await crowd.leave("undo")
        assert crowd.inside == ["commit"], "whoever is waited for is not joined"
        await crowd.leave("commit")
        assert crowd.inside == ["look"]
        await crowd.leave("look")

    asyncio.run(run())


def test_those_beside_go_one_at_a_time_and_leave_a_place_for_whoever_is_waited_for() -> None:
    async def run() -> None:
        crowd = Crowd()
        for name, rank in {"look": BESIDE, "outlook": BESIDE, "page": WAITED_FOR, "commit": WAITED_FOR}.items():
            await crowd.come(name, rank)
        assert crowd.inside == ["look", "page"]
        await crowd.leave("look")
        assert crowd.inside == ["page", "commit"]
        await crowd.leave("page")
        await crowd.leave("commit")
        assert crowd.inside == ["outlook"]
        await crowd.leave("outlook")

    asyncio.run(run())


def test_where_somebody_is_always_waited_for_the_others_come_in_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        crowd = Crowd()
        for name, rank in {"first": WAITED_FOR, "second": WAITED_FOR, "look": BESIDE, "third": WAITED_FOR}.items():
            await crowd.come(name, rank)
        monkeypatch.setattr(module, "PATIENCE_S", 0)
        await crowd.leave("first")
        assert crowd.inside == ["second", "look"]
        await crowd.leave("second")
        assert crowd.inside == ["look", "third"]
        for name in ("look", "third"):
            await crowd.leave(name)

    asyncio.run(run())


def test_whoever_is_held_up_inside_keeps_nobody_waiting() -> None:
    async def run() -> None:
        crowd = Crowd()
        crowd.turnstile._held_up_s = 0.02
        await crowd.come("held up", WAITED_FOR)
        await crowd.come("also", WAITED_FOR)
        await asyncio.sleep(0.03)
        crowd.turnstile._held_up_s = None
        for name in ("first", "second", "third"):
            await crowd.come(name, WAITED_FOR)
        assert crowd.inside == ["held up", "also", "first", "second"]
        await crowd.leave("held up")
        assert "third" not in crowd.inside, "their place was given away already"
        await crowd.leave("first")
        assert crowd.inside == ["also", "second", "third"]
        for name in ("also", "second", "third"):
            await crowd.leave(name)

    asyncio.run(run())


def test_whoever_does_not_wait_any_longer_takes_nobodys_place() -> None:
    async def run() -> None:
        crowd = Crowd()
        for name in ("first", "second", "impatient", "third"):
            await crowd.come(name, WAITED_FOR)
        await crowd.give_up("impatient")
        await crowd.leave("first")
        assert crowd.inside == ["second", "third"]
        await crowd.give_up("third")
        await crowd.come("fourth", WAITED_FOR)
        assert crowd.inside == ["second", "fourth"]
        for name in ("second", "fourth"):
            await crowd.leave(name)

    asyncio.run(run())


def test_a_place_that_was_given_to_somebody_who_goes_away_at_that_moment_is_given_on() -> None:
    async def run() -> None:
        turnstile = Turnstile()
        async with AsyncExitStack() as inside:
            for _ in range(2):
                await inside.enter_async_context(turnstile.passed(WAITED_FOR))
            impatient = asyncio.create_task(turnstile.passed(WAITED_FOR).__aenter__())
            await settled()
        # The place is theirs already, but they have not come to know it.
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        async with AsyncExitStack() as inside:
            for _ in range(2):
                await asyncio.wait_for(inside.enter_async_context(turnstile.passed(WAITED_FOR)), timeout=10)

    asyncio.run(run())


def test_places_are_handed_on_among_event_loops() -> None:
    turnstile, passed = Turnstile(), list[str]()

    async def several(name: str, rank: Rank) -> None:
        for number in range(200):
            async with turnstile.passed(rank):
                passed.append(f"{name}{number}")

    people = {"a": WAITED_FOR, "b": BESIDE, "c": WAITED_FOR, "d": BESIDE}
    threads = [Thread(target=asyncio.run, args=(several(*one),)) for one in people.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(set(passed)) == 800
