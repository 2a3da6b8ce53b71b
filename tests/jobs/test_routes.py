import pytest
from sqlalchemy import select

from app.jobs import queries
from app.jobs.comparing import compare
from app.jobs.logs import log_file
from app.pools.queries import create_pool
from app.registry.queries import version
from app.tables import Folder, JournalEntry
from tests.jobs.conftest import write_pictures
from tests.people import acting_as, add_person, person
from tests.seeded import seed_pool, serve_new_version, two_heaps


@pytest.fixture
def pool(database):
    with database.write() as session:
        return create_pool(session, name="cats")


def test_an_import_is_queued_and_followed(client, pool, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 1)
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": str(folder), "reindex": True})
    assert answer.status_code == 202
    job = client.get(f"/api/v1/jobs/{answer.json()['job']}").json()
    assert {key: job[key] for key in ("kind", "pool", "state", "phase", "done", "total", "error", "result")} == {
        "kind": "import",
        "pool": "cats",
        "state": "queued",
        "phase": None,
        "done": 0,
        "total": None,
        "error": None,
        "result": None,
    }
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": [job]}


def test_the_second_click_names_the_first_ones_job(client, pool):
    first = client.post("/api/v1/pools/cats/reindex")
    assert first.status_code == 202
    second = client.post("/api/v1/pools/cats/reindex", json={})
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"
    assert (second.json()["code"], second.json()["job"]) == ("already-running", first.json()["job"])
    assert f"job {first.json()['job']}" in second.json()["detail"]


def test_a_reindex_may_name_its_encoder(client, database, pool, settings):
    answer = client.post("/api/v1/pools/cats/reindex", json={"encoder": settings.encoder})
    with database.read() as session:
        assert queries.job(session, id=answer.json()["job"]).arguments == {"encoder": settings.encoder}


def test_an_encoder_that_is_not_there_is_refused_at_once(client, pool):
    answer = client.post("/api/v1/pools/cats/reindex", json={"encoder": "nope"})
    assert (answer.status_code, answer.json()["code"]) == (404, "encoder-not-found")
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": []}


def test_a_folder_outside_the_roots_is_forbidden(client, pool):
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": "/usr/share"})
    assert (answer.status_code, answer.json()["code"]) == (403, "folder-not-allowed")
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": []}


def test_what_another_pool_holds_is_not_imported_by_who_may_not_see_it(client, database, pool, tmp_path):
    for folder in ("seen", "private/deeper", "privately"):
        (tmp_path / folder).mkdir(parents=True)
    with database.write() as session:
        create_pool(session, name="dogs")
        session.add(Folder(pool_id=pool.id, location=str(tmp_path / "private")))

    def answered(folder):
        answer = client.post("/api/v1/pools/dogs/imports", json={"folder": str(tmp_path / folder)})
        return answer.status_code, answer.json().get("code")

    with acting_as(client, add_person(database, "Erik", pool="dogs", role="engineer")):
        for folder in ("private", "private/deeper", "."):
            assert answered(folder) == (403, "folder-of-another-pool")
        assert answered("privately") == (202, None)
        # He may now, and would, if that first import were over.
        add_person(database, "Erik", pool="cats", role="annotator")
        assert answered("private") == (409, "already-running")
    with acting_as(client, add_person(database, "Ada", pool="dogs", role="engineer")):
        assert answered("private") == (403, "folder-of-another-pool")
    with acting_as(client, person(database, "Root", admin=True)):
        assert answered("private") == (409, "already-running")


def test_a_folder_that_is_not_there_is_told(client, pool, tmp_path):
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": str(tmp_path / "nope")})
    assert (answer.status_code, answer.json()["code"]) == (422, "folder-unusable")


@pytest.mark.parametrize("path", ["/api/v1/pools/nope/reindex", "/api/v1/pools/nope/imports"])
def test_work_on_no_pool_is_not_found(client, path):
    answer = client.post(path, json={"folder": "/tmp"})
    assert (answer.status_code, answer.json()["code"]) == (404, "pool-not-found")


def test_a_job_that_is_not_there_is_not_found(client):
    answer = client.get("/api/v1/jobs/99")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")


def test_a_job_says_who_asked_for_it_and_what_repeats_it(client, pool, settings):
    job = client.post("/api/v1/pools/cats/reindex", json={"encoder": settings.encoder}).json()["job"]
    assert client.get(f"/api/v1/jobs/{job}").json()["person"] == "local"
    page = client.get(f"/jobs/{job}").text
    assert "asked for by local" in page
    assert f"winnow reindex --encoder {settings.encoder} -- cats" in page
    for listed in ("/jobs", "/pools/cats/jobs"):
        assert "Waiting" in client.get(listed).text
    client.delete(f"/api/v1/jobs/{job}")
    assert "Nothing runs or waits just now" in client.get("/pools/cats/jobs").text


def test_what_is_asked_of_jobs_is_written_down(client, database, pool):
    job = client.post("/api/v1/pools/cats/reindex", json={"serve": True}).json()["job"]
    client.delete(f"/api/v1/jobs/{job}")
    client.delete(f"/api/v1/jobs/{job}")
    client.post(f"/api/v1/jobs/{job}/resume")
    with database.read() as session:
        entries = session.scalars(
            select(JournalEntry).where(JournalEntry.job_id == job).order_by(JournalEntry.id)
        ).all()
    assert [(entry.act, entry.details) for entry in entries] == [
        ("ask-reindex", {"serve": True}),
        ("stop-reindex", None),
        ("resume-reindex", None),
    ]
    assert all(entry.person_id for entry in entries)


def test_a_log_is_text_and_its_length_is_bounded(client, settings, pool):
    job = client.post("/api/v1/pools/cats/reindex").json()["job"]
    assert client.get(f"/api/v1/jobs/{job}/log").text == ""
    log = log_file(settings, job)
    log.parent.mkdir()
    log.write_text("<b>line</b>\n" * 1000)
    answer = client.get(f"/api/v1/jobs/{job}/log?kilobytes=1")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 900 < len(answer.text) <= 1024
    assert "<b>" not in client.get(f"/jobs/{job}").text.split('aria-label="Log"')[1].split("</pre>")[0]
    assert client.get(f"/api/v1/jobs/{job}/log?kilobytes=9999").status_code == 422
    assert client.get("/api/v1/jobs/99/log").json()["code"] == "job-not-found"


def test_a_comparison_is_queued_once_and_of_two_versions_of_the_pool(client, settings, database):
    birds = seed_pool(settings, database, vectors=two_heaps(3, 4), name="birds")
    serve_new_version(settings, database, birds, vectors=two_heaps(3, 4))
    seed_pool(settings, database, vectors=two_heaps(3, 4), name="fish")
    second, first = (item["id"] for item in client.get("/api/v1/pools/birds/index-versions").json()["items"])
    fish = client.get("/api/v1/pools/fish/served").json()["index_version"]["id"]

    def ask(one, other):
        return client.post("/api/v1/pools/birds/comparisons", json={"first": one, "second": other})

    assert ask(first, first).json()["code"] == "same-version"
    assert ask(first, fish).json()["code"] == "version-not-found"
    asked = ask(first, second)
    assert asked.status_code == 202
    again = ask(second, first)
    assert (again.status_code, again.json()["job"]) == (409, asked.json()["job"])
    assert again.json()["detail"].startswith("A comparison of this pool is already waiting")


def test_a_comparison_is_shown(client, settings, database):
    birds = seed_pool(settings, database, vectors=two_heaps(30, 40), name="birds", classes=("owl", "lark"))
    serve_new_version(settings, database, birds, vectors=two_heaps(30, 40, seed=1))
    for name, images in (("owl", birds.images[:30]), ("lark", birds.images[30:])):
        body = {"images": images, "verdict": "accept"}
        assert client.post(f"/api/v1/pools/birds/classes/{name}/verdicts", json=body).status_code == 200
    job = client.post("/api/v1/pools/birds/comparisons", json={"first": 1, "second": 2}).json()["job"]
    with database.read() as session:
        one, other = (version(session, id=id) for id in (1, 2))
        found = compare(session, settings.indexes, first=one, second=other, told=lambda *_: None)
    with database.write() as session:
        assert queries.finish(session, job=queries.claim(session), result=found)
    page = client.get(f"/jobs/{job}").text
    assert found["sentence"] in page
    assert "Neither is better beyond chance." in page
    assert page.count("precision at 60 of") == 2


def test_the_figures_of_a_comparison_have_commas_and_minus_signs(client, database, pool):
    sides = {name: {"id": id, "encoder": "grid", "count": 7} for name, id in (("first", 1), ("second", 2))}
    replay = {"reviews": 2, "accepted": 60, "first": 3, "second": 43, "change": 13.3, "low": -0.5, "high": 13.333}
    found = {"images": 7, "overlap": {}, "measures": [], "classes": [], "notes": [], "better": None, "replay": replay}
    with database.write() as session:
        queries.create(session, kind="compare", pool_id=pool.id, arguments={"first": 1, "second": 2})
        job = queries.claim(session)
        assert queries.finish(session, job=job, result={**sides, **found, "sentence": "As many."})
    assert "−50.0 to +1,333.3 %" in client.get(f"/jobs/{job.id}").text
