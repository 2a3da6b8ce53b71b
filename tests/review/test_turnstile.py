"""Who works on pages goes one after the other, those first whom somebody waits for."""

from __future__ import annotations

import asyncio
from threading import Thread

import pytest

from app.review.turnstile import Rank, Turnstile


async def pass_by(turnstile: Turnstile, rank: Rank, name: str, passed: list[str]) -> None:
    async with turnstile.passed(rank):
        passed.append(name)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_those_whom_somebody_waits_for_go_first_and_nobody_is_forgotten() -> None:
    async def run() -> list[str]:
        turnstile, passed = Turnstile(at_once=1), list[str]()
        async with turnstile.passed(Rank.BESIDE):
            came = [
                ("look", Rank.BESIDE),
                ("commit", Rank.WAITED_FOR),
                ("second look", Rank.BESIDE),
                ("page", Rank.WAITED_FOR),
            ]
            waiting = [asyncio.create_task(pass_by(turnstile, rank, name, passed)) for name, rank in came]
            await settled()
            assert not passed
        await asyncio.gather(*waiting)
        return passed

    assert asyncio.run(run()) == ["commit", "page", "look", "second look"]


def test_so_many_are_let_through_at_once_and_no_more() -> None:
    async def run() -> None:
        turnstile, passed = Turnstile(at_once=2), list[str]()
        async with turnstile.passed(Rank.BESIDE):
            await pass_by(turnstile, Rank.BESIDE, "second", passed)
            async with turnstile.passed(Rank.BESIDE):
                third = asyncio.create_task(pass_by(turnstile, Rank.WAITED_FOR, "third", passed))
                await settled()
                assert passed == ["second"]
            await third
        assert passed == ["second", "third"]

    asyncio.run(run())


@pytest.mark.parametrize("given_already", [False, True])
def test_whoever_is_told_not_to_wait_any_longer_takes_nobodys_place(given_already: bool) -> None:
    async def run() -> None:
        turnstile, passed = Turnstile(at_once=1), list[str]()
        holding = turnstile.passed(Rank.BESIDE)
        await holding.__aenter__()
        impatient = asyncio.create_task(pass_by(turnstile, Rank.WAITED_FOR, "impatient", passed))
        await settled()
        if given_already:
            await holding.__aexit__(None, None, None)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        if not given_already:
            await holding.__aexit__(None, None, None)
        await asyncio.wait_for(pass_by(turnstile, Rank.BESIDE, "next", passed), timeout=10)
        assert passed == ["next"]

    asyncio.run(run())


def test_a_failure_gives_the_place_back() -> None:
    async def run() -> list[str]:
        turnstile, passed = Turnstile(at_once=1), list[str]()
        with pytest.raises(ZeroDivisionError):
            async with turnstile.passed(Rank.BESIDE):
                raise ZeroDivisionError
        await asyncio.wait_for(pass_by(turnstile, Rank.BESIDE, "next", passed), timeout=10)
        return passed

    assert asyncio.run(run()) == ["next"]


def test_places_are_handed_on_among_event_loops() -> None:
    turnstile, passed = Turnstile(at_once=1), list[str]()

    async def several(name: str) -> None:
        for number in range(200):
            await pass_by(turnstile, Rank.BESIDE, f"{name}{number}", passed)

    threads = [Thread(target=asyncio.run, args=(several(name),)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(set(passed)) == 600
