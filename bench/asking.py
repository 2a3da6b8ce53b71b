"""What it costs to find out who asks for a thumbnail: `python -m bench.asking`.

Processor time of the whole app, without a network: 60 thumbnails, one after the other, without the gate, with it for
the local person, and with it for a member who is logged in.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from PIL import Image

from app.db import Database
from app.identity.accounts import add_person
from app.identity.gate import Gate
from app.identity.log_ins import start_log_in
from app.identity.members import set_role
from app.identity.secrets import hashed
from app.main import create_app
from app.migrations import upgrade
from app.pools.queries import pool_named
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from app.tables import Person
from tests.seeded import seed_pool, two_heaps

ROUNDS = 10
TILES = 60


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url="")
        database = Database(settings.database)
        upgrade(database)
        pool = seed_pool(settings, database, vectors=two_heaps(500, 500))
        store = ThumbnailStore(settings.thumbnails)
        for image in pool.images[:TILES]:
            store.put(image, Image.effect_noise((256, 256), 60))
        app, ungated = create_app(settings), create_app(settings)
        ungated.user_middleware = [one for one in ungated.user_middleware if one.cls is not Gate]  # type: ignore[comparison-overlap]
        paths = [f"/api/v1/images/{image}/thumbnail" for image in pool.images[:TILES]]
        print(f"without the gate  {asyncio.run(_time(ungated, paths, None)):.3f} ms a thumbnail")
        print(f"local person      {asyncio.run(_time(app, paths, None)):.3f} ms")
        with database.write() as session:
            add_person(session, name="admin", password=hashed("a correct horse"), admin=True, by=None)
            person = Person(name="ann", name_key="ann")
            session.add(person)
            session.flush()
            pool_id = pool_named(session, pool.name).id
            set_role(session, pool_id=pool_id, person=person, role="annotator", by=None)
            secret = start_log_in(session, person_id=person.id, days=1)
        print(f"member            {asyncio.run(_time(app, paths, secret)):.3f} ms")
        database.dispose()


async def _time(app, paths: list[str], secret: str | None) -> float:  # type: ignore[no-untyped-def]
    """Return the median over rounds of the processor milliseconds that one request of a page takes."""
    headers = [(b"host", b"localhost")] + ([(b"cookie", f"winnow={secret}".encode())] if secret else [])
    took = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for path in paths:
            await _get(app, path, headers)
        took.append((time.process_time() - begun) / len(paths) * 1000)
    return statistics.median(took)


async def _get(app, path: str, headers: list[tuple[bytes, bytes]]) -> None:  # type: ignore[no-untyped-def]
    status = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    assert status == [200], (path, status)


if __name__ == "__main__":
    main()
