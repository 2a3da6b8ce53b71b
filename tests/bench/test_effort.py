"""The whole command on a tiny pool: heaps of points whose classes are known."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.search.ranking import Floats, PoolStatistics
from app.settings import Settings
from bench.effort import figures
from bench.effort.__main__ import main
from bench.effort.annotators import perfect
from bench.effort.ceiling import held_out, oracle
from bench.effort.forecasts import forecasts
from bench.effort.playing import play
from bench.effort.pools import Pool, pools, queries
from bench.effort.rules import RULES, Scorer
from bench.effort.served import play_served
from tests.search.published import publish
from tests.seeded import seed_pool, two_heaps

CLASSES = np.repeat(["owl", "lark"], [30, 70])


@pytest.fixture
def pool() -> Pool:
    return Pool.of("birds", two_heaps(30, 70), CLASSES)


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    """Two pools of files in folders, which are no pictures, and an index version of them."""
    vectors = two_heaps(30, 70)
    images, index = tmp_path / "pictures", publish(tmp_path / "index", vectors)
    digests = np.zeros((len(vectors), 32), np.uint8)
    for row, name in enumerate(CLASSES):
        file = images / ("day" if row % 2 else "night") / name / f"{row}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(str(row).encode())
        digests[row] = np.frombuffer(hashlib.sha256(str(row).encode()).digest(), np.uint8)
    np.save(index / "images.npy", digests)
    return images, index


def test_every_rule_finds_a_heap_that_lies_apart(pool: Pool) -> None:
    for rule in [*RULES.values(), oracle(pool), held_out(pool)]:
        course = play(pool, 0, rule, perfect, pages=6, size=5)

        # As many looks as there are owls; by chance three tenths of them would be found.
        assert figures.recall(course, 6) > 0.8


def test_forecasts_stand_beside_what_came(pool: Pool) -> None:
    first, third = forecasts(pool, 0, perfect, pages=4, size=5, overlooked=0.0)

    # The owls lie apart, so that page after page holds nothing else: 29 without the query.
    assert [first.pages, third.pages] == [1, 3]
    assert [first.left, third.left] == [24, 14]
    assert first.purity == third.purity == third.last_purity == 1
    assert third.recall == pytest.approx(15 / 29)
    assert third.chances[:, 2].sum() == 14


def test_one_ceiling_knows_labels_drawn_by_lot_and_the_other_cannot() -> None:
    vectors = np.random.default_rng(2).standard_normal((400, 150)).astype(np.float32)
    lots = Pool.of("lots", vectors, np.random.default_rng(3).choice(["owl", "lark"], 400))

    known, guessed = (
        play(lots, 0, rule(lots), perfect, pages=5, size=20).matches.mean() for rule in (oracle, held_out)
    )

    assert known > 0.9
    assert guessed < 0.65


def test_a_review_ends_when_all_has_been_shown_and_shows_nothing_twice(pool: Pool) -> None:
    course = play(pool, 0, RULES["Winnow"], perfect, pages=40, size=30)

    assert course.ends.tolist() == [30, 60, 90, 99]
    assert course.matches.sum() == course.wanted == 29
    assert figures.recall(course, 40) == 1


def test_a_rule_is_told_verdicts_and_no_truth(pool: Pool) -> None:
    told: list[tuple[list[int], list[int]]] = []

    def rule(vectors: Floats, statistics: PoolStatistics, query: int) -> Scorer:
        def scores(accepted: Any, rejected: Any) -> Floats:
            told.append((accepted.tolist(), rejected.tolist()))
            return -np.arange(len(vectors), dtype=np.float32)

        return scores

    play(pool, 0, rule, lambda matches: np.arange(len(matches)) == 0, pages=2, size=3)

    assert told == [([], []), ([2, 3], [1])]


def test_queries_come_from_each_class_that_is_large_enough(pool: Pool) -> None:
    drawn = queries(pool, per_class=4, smallest=40, seed=1)

    assert pool.classes[drawn].tolist() == ["lark"] * 4
    assert drawn.tolist() == queries(pool, per_class=4, smallest=40, seed=1).tolist()


def test_each_folder_is_a_pool_and_all_of_them_together_another(published: tuple[Path, Path]) -> None:
    from app.search.served_index import ServedIndex

    images, index = published
    made = {pool.name: pool for pool in pools(images, ServedIndex.open(index))}

    assert {name: len(pool.vectors) for name, pool in made.items()} == {"day": 50, "night": 50, "together": 100}
    assert made["together"].classes.tolist() == CLASSES.tolist()


def test_the_command_prints_every_table_for_every_pool(
    published: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images, index = published
    main([f"--images={images}", f"--index={index}", "--smallest-class=5", "--queries-per-class=2", "--size=10"])
    told = capsys.readouterr().out

    for pool in ("day: 50", "night: 50", "together: 100"):
        for annotator in ("perfect", "careless"):
            assert f"=== {pool} images, 4 reviews, {annotator} annotator" in told
    assert told.count("one by one") == 6
    assert told.count("\nceiling") == told.count("\nheld-out ceiling") == 6 * 5
    assert "nan" not in told


def test_the_command_accepts_lots_and_looks_at_attention(
    published: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images, index = published
    small = ["--smallest-class=5", "--queries-per-class=2", "--size=10", "--pages=6", "--trials=20", "--pools=together"]
    main([f"--images={images}", f"--index={index}", *small, "--sampling", "--attention"])
    told = capsys.readouterr().out

    assert "perfect, three looks, stopping when satisfied" in told
    assert "careless, one look, corrected by 60 planted" in told
    assert told.count("annotator, one look, lots accepted") == 2
    assert told.count("doubtful ones at the start") == 2
    assert told.count("a second look after") == 2
    assert "nan" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--url=http://localhost"],
        ["--images=a", "--url=http://localhost", "--pool=b"],
        ["--url=http://localhost", "--pool=b", "--sampling"],
    ],
)
def test_pictures_or_a_server_must_be_named(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_server_shows_the_same_matches_as_the_ranking_in_process_and_keeps_no_label(
    settings: Settings, database: Database, client: TestClient, pool: Pool
) -> None:
    seeded = seed_pool(settings, database, vectors=pool.vectors)
    truth = dict(zip(seeded.images, CLASSES.tolist(), strict=True))

    def api(method: str, path: str, body: object = None) -> Any:
        answer = client.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code < 400, answer.text
        return answer.json()

    courses = [
        play_served(api, seeded.name, truth, seeded.images[query], perfect, pages=3, size=10) for query in (0, 40)
    ]

    assert [course.wanted for course in courses] == [29, 69]
    for course in courses:
        assert figures.recall(course, 3) > 0.9 * 29 / course.wanted
        # The query is on the first page of the server, and is not counted.
        assert course.ends.tolist() == [9, 19, 29]
    labels = client.get(f"/api/v1/pools/{seeded.name}/labels.csv").text.splitlines()
    assert len(labels) == 1
