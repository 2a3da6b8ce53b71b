"""The commands as somebody types them; where what is asked is how a process begins and ends, each is one of its own."""

import csv
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import text, update

from app.cli import main
from app.jobs import queries
from app.jobs.child import environment_for
from app.pools.queries import create_pool, pool_named
from app.registry.queries import served_version
from app.tables import Job, now
from app.verdicts.journal import store_import_labels
from tests.conftest import one_database
from tests.jobs.conftest import processes_that_name, wait_for, write_pictures
from tests.ml.colour_grid import FOLDER as COLOUR_GRID
from tests.postgres import marked_as


@pytest.fixture
def environment(settings):
    return {**environment_for(settings), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def winnow(environment, monkeypatch, capfd):
    """Run a command to its end, in this process: another one would take seconds to load its libraries."""

    def run(*arguments, **more):
        capfd.readouterr()
        umask = os.umask(0o077)
        try:
            with monkeypatch.context() as patch:
                for name, value in (environment | more).items():
                    patch.setenv(name, value)
                patch.setattr(sys, "argv", ["winnow", *map(str, arguments)])
                with pytest.raises(SystemExit) as ended:
                    main()
        finally:
            os.umask(umask)
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, out, err)

    return run


@pytest.fixture
def server(environment):
    """Start a command that stays; whatever the test does, it is gone at its end."""
    started = []

    def start(*arguments, **more):
        command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
        process = subprocess.Popen(
            command, env=environment | more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def answers(url):
    try:
        with urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def children_of(process):
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")  # one for each thread
    return [int(child) for list_ in lists for child in list_.read_text().split()]


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def test_pictures_go_in_and_labels_come_out(winnow, settings, database, tmp_path):
    shutil.copytree(COLOUR_GRID, settings.home / "encoders" / "colour-grid")
    folder = write_pictures(tmp_path / "stripes", 12)
    (folder / "notes.png").write_text("no picture")

    imported = winnow("import", "stripes", folder, "--reindex", WINNOW_ENCODER="colour-grid")
    assert imported.returncode == 0, imported.stderr
    assert "Made the pool “stripes”." in imported.stderr
    assert "12 new" in imported.stderr
    assert "1 unreadable" in imported.stderr
    assert "notes.png is not a picture" in imported.stderr
    assert "12 images" in imported.stderr

    reindexed = winnow("reindex", "stripes")
    assert (reindexed.returncode, reindexed.stdout) == (0, "")

    with database.write() as session:
        pool_id = pool_named(session, "stripes").id
        ids = list(session.scalars(text("SELECT id FROM image ORDER BY id LIMIT 3")))
        store_import_labels(session, pool_id=pool_id, labelled={"Streifen": ids}, person_id=1)
    nobody = winnow("export", "stripes", "--person", "nobody")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "“nobody”" in nobody.stderr
    exported = winnow("export", "stripes", "--class", "streifen", "--person", "Local")
    rows = list(csv.DictReader(io.StringIO(exported.stdout)))
    assert [(row["path"], row["class"], row["verdict"]) for row in rows] == [
        (f"./{number:04}.png", "Streifen", "accept") for number in range(3)
    ]
    assert list(csv.DictReader(io.StringIO(winnow("export", "stripes", "--verdict", "reject").stdout))) == []

    file = tmp_path / "labels.csv"
    written = winnow("export", "stripes", "--output", file)
    assert written.returncode == 0
    assert file.read_bytes().decode() == exported.stdout.replace("\n", "\r\n").replace("\r\r", "\r")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    assert "stripes" in winnow("pools").stdout


@one_database
def test_what_is_written_is_for_ones_own_eyes(winnow, tmp_path):
    home, backup = tmp_path / "new home", tmp_path / "backup"
    assert winnow("backup", backup, WINNOW_HOME=str(home), WINNOW_DATABASE_URL="").returncode == 0
    written = [home, *home.rglob("*"), backup, *backup.rglob("*")]
    assert {path.name for path in written} >= {"winnow.db", "manifest.json"}
    assert {path for path in written if path.stat().st_mode & 0o077} == set()


@one_database
def test_an_import_run_again_does_nothing(winnow, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 3)
    assert winnow("import", "stripes", folder).returncode == 0
    again = winnow("import", "STRIPES", folder)
    assert again.returncode == 0
    assert "Made the pool" not in again.stderr
    assert "0 new, 3 known" in again.stderr


@one_database
def test_a_killed_import_is_gone_on_with_at_once(winnow, server, database, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 1000)
    process = server("import", "stripes", folder)

    def stored():
        with database.read() as session:
            return session.scalars(text("SELECT count(*) FROM pool_image")).one()

    wait_for(stored)
    process.kill()
    process.wait()
    kept = stored()
    assert 0 < kept < 1000, "it was killed in the middle"
    with database.write() as session:
        # The seconds after which one that was killed is missed, nearly over.
        session.execute(update(Job).values(lease_until=now() + timedelta(seconds=1)))
    again = winnow("import", "stripes", folder)
    assert again.returncode == 0, again.stderr
    assert f"{1000 - kept:,} new, {kept:,} known" in again.stderr


@one_database
def test_a_second_import_at_the_same_time_names_the_firsts_job(winnow, database, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 1)
    assert winnow("import", "stripes", folder).returncode == 0
    with database.write() as session:
        pool_id = pool_named(session, "stripes").id
        waiting = queries.create(session, kind="import", pool_id=pool_id, arguments={"folder": str(folder)})
    ended = winnow("import", "stripes", folder)
    assert ended.returncode == 1
    assert f"already waiting its turn: job {waiting.id}." in ended.stderr


@one_database
def test_a_folder_without_pictures_makes_no_pool(winnow, tmp_path):
    for command in (("import", "cats", tmp_path), ("quickstart", tmp_path)):
        ended = winnow(*command)
        assert ended.returncode == 1
        assert "holds no pictures" in ended.stderr
    assert "cats" not in winnow("pools").stdout


@one_database
def test_a_missing_file_is_named(winnow, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 3)
    winnow("import", "stripes", folder)
    (folder / "0001.png").unlink()
    again = winnow("import", "stripes", folder)
    assert "1 missing" in again.stderr
    assert "  0001.png\n" in again.stderr


@one_database
def test_only_the_first_twenty_unreadable_files_are_named(winnow, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 1)
    for number in range(25):
        (folder / f"bad-{number:02}.jpg").write_text("no picture")
    told = winnow("import", "stripes", folder).stderr
    assert told.count("is not a picture") == 20
    assert "and 5 more; the pool's page in the browser lists them all" in told


@one_database
def test_a_new_pool_may_hold_several_classes_per_image(winnow, database, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 1)
    assert winnow("import", "stripes", folder, "--classes-per-image", "several").returncode == 0
    with database.read() as session:
        assert pool_named(session, "stripes").classes_per_image == "several"


@one_database
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("reindex", "nope"), "There is no pool “nope”."),
        (("export", "nope"), "There is no pool “nope”."),
        (("import", "cats", "/nope"), "There is no folder “/nope”."),
        (("restore", "/nope"), "/nope is no backup"),
        (("db", "copy", "nope://nowhere"), "names no database that Winnow knows"),
        (("serve", "--host", "0.0.0.0"), "winnow user add NAME --admin"),
        (("serve", "--host", "203.0.113.7"), "set WINNOW_TRUST_LOCAL=1"),
    ],
)
def test_an_error_is_one_sentence(winnow, arguments, sentence):
    ended = winnow(*arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


@one_database
def test_a_setting_that_cannot_be_used_is_named(winnow):
    ended = winnow("pools", WINNOW_PORT="many")
    assert ended.returncode == 1
    assert "WINNOW_PORT" in ended.stderr
    assert ended.stderr.count("\n") == 1


@one_database
def test_a_database_from_a_newer_version_is_left_alone(winnow, database):
    with marked_as(database, "from-the-future"):
        for command in (("db", "upgrade"), ("serve", "--port", "0"), ("pools",)):
            ended = winnow(*command)
            assert ended.returncode == 1
            assert "newer version of Winnow" in ended.stderr


@one_database
def test_a_database_that_does_not_answer_is_told(winnow):
    ended = winnow("pools", WINNOW_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:9/nope")
    assert ended.returncode == 1
    assert "The database does not answer" in ended.stderr


@one_database
def test_a_port_that_is_taken_is_told(winnow):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = winnow("serve", "--port", port)
    assert ended.returncode == 1
    assert f"Port {port} is taken" in ended.stderr
    assert f"--port {port + 1}" in ended.stderr


@one_database
def test_an_export_that_cannot_be_written_leaves_nothing(winnow, database, tmp_path):
    with database.write() as session:
        create_pool(session, name="cats")
    ended = winnow("export", "cats", "--output", tmp_path / "nope" / "labels.csv")
    assert ended.returncode == 1
    assert "labels.csv cannot be written" in ended.stderr


@one_database
def test_ctrl_c_ends_a_reindex_in_silence_and_it_goes_on_later(winnow, server, settings, database, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 120)
    winnow("import", "stripes", folder)
    process = server("reindex", "stripes")
    wait_for(lambda: processes_that_name(f"{settings.vectors}"))
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "Traceback" not in process.stdout.read()
    assert not processes_that_name(f"{settings.vectors}")
    assert winnow("reindex", "stripes").returncode == 0
    with database.read() as session:
        assert served_version(session, pool_id=pool_named(session, "stripes").id).count == 120


@one_database
def test_the_server_comes_and_goes_with_its_worker(server, free_port):
    process = server("serve", "--port", free_port)
    wait_for(lambda: answers(f"http://127.0.0.1:{free_port}/api/v1/pools"))
    (worker,) = children_of(process)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: children_of(process) not in ([], [worker]), within_s=15)
    (another,) = children_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not is_alive(another)


@one_database
def test_the_worker_of_a_killed_server_is_gone_too(server, free_port):
    process = server("serve", "--port", free_port)
    wait_for(lambda: answers(f"http://127.0.0.1:{free_port}/api/v1/pools"))
    (worker,) = children_of(process)
    process.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(worker), within_s=15)


@one_database
def test_without_a_worker_the_server_serves_alone_and_a_trusted_address_too(server, free_port):
    process = server("serve", "--host", "0.0.0.0", "--port", free_port, "--no-worker", WINNOW_TRUST_LOCAL="1")
    wait_for(lambda: answers(f"http://127.0.0.1:{free_port}/api/v1/pools"))
    assert children_of(process) == []


@one_database
def test_quickstart_makes_a_pool_that_can_be_labelled_at_once(winnow, server, free_port, tmp_path):
    namesake = write_pictures(tmp_path / "elsewhere" / "my stripes", 3, seed=1)
    assert winnow("import", "my stripes", namesake).returncode == 0
    folder = write_pictures(tmp_path / "my stripes", 5)
    url = f"http://127.0.0.1:{free_port}/api/v1/pools"
    process = server("quickstart", folder, "--port", free_port, "--no-browser")
    wait_for(lambda: answers(url))
    assert {pool["name"]: pool["images"] for pool in answers(url)["items"]} == {"my stripes": 3, "my stripes 2": 5}
    first = answers(f"{url}/my%20stripes%202/served")["index_version"]
    assert first["count"] == 5
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert f"Open http://localhost:{free_port}/pools/my%20stripes%202\n" in process.stdout.read()

    again = server("quickstart", folder, "--port", free_port, "--no-browser", WINNOW_START_WORKER="0")
    wait_for(lambda: answers(url))
    assert answers(f"{url}/my%20stripes%202/served")["index_version"] == first, "nothing was new"
    again.terminate()
    assert again.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (("--help",), {"faiss", "onnxruntime", "torch", "alembic"}),
        (("pools",), {"faiss", "onnxruntime", "torch", "alembic", "numpy", "PIL", "uvicorn"}),
        (("worker", "--nope"), {"faiss", "onnxruntime", "torch", "fastapi", "starlette", "uvicorn"}),
        (("nope",), {"faiss", "onnxruntime", "torch", "alembic", "numpy", "PIL", "uvicorn", "fastapi", "sqlalchemy"}),
    ],
)
@one_database
def test_a_command_loads_only_what_it_needs(environment, database, arguments, unneeded):
    code = (
        "import sys; from app.cli import main; sys.argv[0] = 'winnow'\n"
        "try:\n    main()\n"
        "finally:\n    print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    loaded = set(ended.stdout.rpartition("loaded: ")[2].split())
    assert "typer" in loaded, ended.stderr
    assert not loaded & unneeded
