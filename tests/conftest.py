"""Fixtures that all tests share: both databases, a home folder, the app with a client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before anything loads FAISS or NumPy: spinning threads of two processes on two cores stall each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Tests start Winnow hundreds of times: it is compiled once, and not at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.testclient import TestClient

from app import db
from app.db import Database
from app.identity import secrets
from app.insight import health
from app.main import create_app
from app.migrations import upgrade
from app.settings import Settings
from tests.engines import SharedEngines
from tests.postgres import PostgresServer, emptied, no_longer_emptied, server_for_tests

# Where the client says that it is: at the machine, where whoever comes may work while nobody can log in.
HERE = ("127.0.0.1", 50000)

REPOSITORY = Path(__file__).resolve().parent.parent

# Each statement runs on both databases in some test. What is there for a process, a command's words, a page or a file,
# and asks the database nothing that other tests do not ask it, runs on one of them. The mark that is nearest counts:
# where most tests of a file have `one_database` by its `pytestmark`, the others have `both_databases`.
one_database = pytest.mark.databases("sqlite")
both_databases = pytest.mark.databases("sqlite", "postgresql")


def pytest_configure() -> None:
    """Let all tests be as patient as what jobs start, for which they wait: that gets a core when nobody wants one."""
    os.nice(19)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let each test that has settings run on the databases of its mark; without one, on both."""
    databases = metafunc.definition.get_closest_marker("databases")
    chosen = any("settings" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if databases is not None and "settings" in metafunc.fixturenames and not chosen:
        metafunc.definition.add_marker(pytest.mark.parametrize("settings", databases.args, indirect=True))


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Argon2 with next to no work, for passwords that guard nothing: in earnest each takes a tenth of a second."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "_hasher", lambda: quick)
        yield


@pytest.fixture(scope="session", autouse=True)
def engines() -> Iterator[SharedEngines]:
    """Engines share what SQLAlchemy made of their statements, and connections, as those of one long-lived server do."""
    engines = SharedEngines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "create_engine", engines.create_engine)
        yield engines


@pytest.fixture(scope="session")
def postgres(worker_id: str, engines: SharedEngines) -> Iterator[PostgresServer]:
    """A real PostgreSQL with a migrated database of this worker's own."""
    with server_for_tests(worker_id) as server:
        database = Database(server.url)
        upgrade(database)
        database.dispose()
        engines.keep(server.url)
        yield server
        engines.let_go()
        no_longer_emptied(server.url)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this pytest-xdist worker, "main" without one."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded, empty SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "winnow.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a home of their own and an upgraded, empty database; each test runs on both engines."""
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        (home / "winnow.db").write_bytes(template.read_bytes())
        yield Settings(home=home, import_roots=(tmp_path,), database_url="")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with emptied(server.url):
            yield Settings(home=home, import_roots=(tmp_path,), database_url=server.url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The settings' database."""
    database = Database(settings.database)
    yield database
    database.dispose()


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the whole app; server errors are answers here, as they are for users."""
    with TestClient(
        create_app(settings), base_url="http://localhost", client=HERE, raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture
def looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether people can work is looked at for each who asks, not once a second."""
    monkeypatch.setattr(health, "REMEMBERED_S", 0)


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real pictures, or a loud skip."""
    folder = Path(os.environ.get("WINNOW_TEST_IMAGES", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not (folder / "imagenette-96").is_dir():
        pytest.skip(f"REAL PICTURES ARE MISSING: no imagenette-96 in {folder}; set WINNOW_TEST_IMAGES")
    return folder
