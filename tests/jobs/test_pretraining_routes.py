"""Starting, stopping and resuming by the API: what cannot be done is refused at once, and names its field."""

import pytest

from app.jobs import queries, recipes
from app.jobs.lifecycle import PRETRAIN, REINDEX

START = "/api/v1/pools/stripes/pretraining"


@pytest.fixture(autouse=True)
def _trainers(monkeypatch):
    """Whatever is installed: these tests train nothing."""
    monkeypatch.setattr(recipes, "_TRAINERS", ())


@pytest.fixture
def pool(imported):
    return imported(40)


def test_a_pretraining_is_queued_with_its_numbers_written_out(client, pool):
    changes = ["training.epochs=7", "method.temperature=0.5"]
    wanted = {"recipe": "folder", "changes": changes, "init": "simclr-resnet18-96"}
    answer = client.post(START, json=wanted)
    assert answer.status_code == 202, answer.text
    job = client.get(f"/api/v1/jobs/{answer.json()['job']}").json()
    assert (job["kind"], job["state"], job["figures"]) == ("pretrain", "queued", None)
    with client.app.state.database.read() as session:
        assert queries.job(session, id=job["id"]).arguments == {
            "name": "stripes-1",
            "recipe": "folder",
            "changes": ["method.temperature=0.5", "training.epochs=7", "training.batch=16"],
            "init": "simclr-resnet18-96",
            "images": 40,
            "epochs": 7,
        }


@pytest.mark.parametrize(
    ("wanted", "field", "told"),
    [
        ({"recipe": "nope"}, "recipe", "There is no recipe “nope”. Shipped are cifar10-lightly, "),
        ({"recipe": "/etc/pip.toml"}, "recipe", "There is no recipe"),
        ({"changes": ["training.epochs=0"]}, "training.epochs", "training.epochs is 0"),
        ({"changes": ["training.epoch=3"]}, "training.epoch", "there is no key training.epoch"),
        ({"changes": ["training.batch=64"]}, "training.batch", "The pool has 40 images, fewer than a batch of 64"),
        ({"changes": ["epochs"]}, "epochs", "changes nothing"),
        ({"init": "nope"}, "init", "There is no encoder “nope”"),
        ({"init": "simclr-resnet18-96", "changes": ["network.architecture=\"resnet50\""]}, "init", "trains a resnet50"),
        ({"name": "../up"}, "name", "letters, digits"),
        ({"name": "x" * 81}, "name", "at most 80"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_beside_its_field(client, pool, wanted, field, told):
    answer = client.post(START, json=wanted)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert [error["field"] for error in problem["errors"]] == [field]
    assert told in problem["detail"]
    assert problem["detail"].endswith(".")
    assert client.get("/api/v1/pools/stripes/jobs").json() == {"items": []}


def test_a_change_that_no_command_line_can_hold_is_refused(client, pool):
    assert client.post(START, json={"changes": ["network.architecture=a\0b"]}).status_code == 422


def test_a_name_is_given_once(client, pool, settings):
    first = client.post(START, json={"name": "first"}).json()["job"]
    client.delete(f"/api/v1/jobs/{first}")
    again = client.post(START, json={"name": "first"})
    assert (again.status_code, again.json()["code"], again.json()["job"]) == (409, "run-exists", first)
    assert again.json()["errors"][0]["field"] == "name"
    (settings.runs / "stripes-1").mkdir(parents=True)
    second = client.post(START, json={}).json()["job"]
    with client.app.state.database.read() as session:
        assert queries.job(session, id=second).arguments["name"] == "stripes-2"


def test_without_torch_nothing_is_queued_and_the_sentence_says_what_to_install(client, pool, monkeypatch):
    monkeypatch.setattr(recipes, "_TRAINERS", ("no_such_module",))
    answer = client.post(START, json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "trainers-missing")
    assert "pip install" in answer.json()["detail"]
    assert "pip install" in client.get("/pools/stripes/encoders").text


def test_any_job_is_stopped_and_resumed(client, pool):
    job = client.post("/api/v1/pools/stripes/reindex").json()["job"]
    assert client.delete(f"/api/v1/jobs/{job}").json()["state"] == "stopped"
    assert client.delete(f"/api/v1/jobs/{job}").json()["state"] == "stopped"
    assert client.post(f"/api/v1/jobs/{job}/resume").json() == {"job": job}
    assert client.get(f"/api/v1/jobs/{job}").json()["state"] == "queued"
    twice = client.post(f"/api/v1/jobs/{job}/resume")
    assert (twice.status_code, twice.json()["detail"]) == (409, f"Job {job} is under way already.")


def test_what_is_done_cannot_be_stopped_and_need_not_be_resumed(client, database, pool):
    with database.write() as session:
        held = queries.start(session, kind=REINDEX, pool_id=pool.id, arguments={})
        queries.finish(session, job=held, result={})
    for answer in (client.delete(f"/api/v1/jobs/{held.id}"), client.post(f"/api/v1/jobs/{held.id}/resume")):
        assert answer.status_code == 409
        assert "is done" in answer.json()["detail"]


def test_a_stopped_job_waits_while_another_of_its_kind_is_under_way(client, pool):
    first = client.post(START, json={}).json()["job"]
    client.delete(f"/api/v1/jobs/{first}")
    second = client.post(START, json={}).json()["job"]
    answer = client.post(f"/api/v1/jobs/{first}/resume")
    assert (answer.status_code, answer.json()["code"], answer.json()["job"]) == (409, "already-running", second)


def test_a_job_that_is_stopped_is_out_of_the_hands_that_held_it(database, pool):
    with database.write() as session:
        held = queries.start(session, kind=PRETRAIN, pool_id=pool.id, arguments={})
        queries.stop(session, id=held.id)
        assert not queries.renew(session, job=held, progress=None)
        queries.resume(session, id=held.id)
    with database.write() as session:
        assert not queries.give_back(session, job=held)
        again = queries.claim(session)
        assert (again.id, again.attempts) == (held.id, 1)
        assert not queries.finish(session, job=held, result={}), "the first hands have lost it for good"


def test_no_such_job_is_stopped_or_resumed(client):
    assert client.delete("/api/v1/jobs/99").status_code == 404
    assert client.post("/api/v1/jobs/99/resume").status_code == 404


def test_the_pages_of_an_encoder_and_of_a_waiting_run_can_be_seen(client, pool):
    job = client.post(START, json={"recipe": "smoke", "name": "first"}).json()["job"]
    encoders = client.get("/pools/stripes/encoders").text
    assert "simclr-resnet18-96" in encoders
    assert "226 epochs" in encoders
    assert "Any folder of pictures, with or without weights to start from." in encoders
    page = client.get(f"/jobs/{job}").text
    assert "<h1>first</h1>" in page
    assert "python -m ml pretrain smoke --images IMAGES --out RUN" in page
