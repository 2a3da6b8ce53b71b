"""How long a page turn takes: commit plus next page on the server, and from key press to painted page in Chromium.

    python -m bench.page_turn --home HOME --pool POOL [--turns 200] [--no-browser]

HOME is a WINNOW_HOME whose pool has been imported and reindexed by the ordinary commands. The annotator is
perfect: what does not lie in the folder of the query's picture is struck out. A class of its own is made for
each run, so that runs do not touch each other; the verdicts stay in HOME.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any

PAGE = 60
MEGABYTE = 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--query", default="parachute", help="what the path of the query's picture contains")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--no-browser", action="store_true")
    wanted = parser.parse_args()
    with serving(wanted.home) as (port, pid):
        api = Api(port)
        review, query = start_review(api, wanted.pool, wanted.query)
        report("server: commit with the next page", turn_pages(api, review, query, wanted.turns), target=40)
        review, query = start_review(api, wanted.pool, wanted.query)
        foreseen = turn_pages(api, review, query, wanted.turns, ahead=True)
        report("server: the same, after a look ahead", foreseen, target=40)
        print_memory(pid, wanted.home)
        if not wanted.no_browser:
            review, query = start_review(api, wanted.pool, wanted.query)
            report("browser: key press to painted page", turn_in_browser(port, review, query, wanted.turns), target=150)


class Api:
    """JSON over one kept-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        encoded = None if body is None else json.dumps(body).encode()
        self.connection.request(method, f"/api/v1{path}", encoded, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = json.loads(answer.read())
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {content['detail']}")
        return content


def start_review(api: Api, pool: str, query: str) -> tuple[int, str]:
    """Start a review in a new class; return its id and the folder of its query."""
    name = f"{query} {secrets.token_hex(3)}"
    api("POST", f"/pools/{pool}/classes", {"name": name})
    image = api("GET", f"/pools/{pool}/images?limit=1&path={query}")["items"][0]
    review = api("POST", f"/pools/{pool}/reviews", {"class": name, "query": {"images": [image["id"]]}})
    return review["id"], folder_of(image["path"])


def turn_pages(api: Api, review: int, folder: str, turns: int, *, ahead: bool = False) -> list[float]:
    """Return the milliseconds of each turn; the first, which opens the index, is left out.

    With `ahead` a look ahead was asked for by the page's own marks before, as a browser does while a page is read.
    """
    page = api("POST", f"/reviews/{review}/pages", {"size": PAGE})
    times = []
    for _ in range(turns + 1):
        if not page["candidates"]:
            break
        rejected = [tile["image"] for tile in page["candidates"] if folder_of(tile["path"]) != folder]
        if ahead:
            api("POST", f"/pages/{page['id']}/ahead", {"rejected": rejected})
        decision = {"rejected": rejected, "key": secrets.token_hex(8), "next": {"size": PAGE}}
        start = time.perf_counter()
        page = api("POST", f"/pages/{page['id']}/commit", decision)["next"]
        times.append((time.perf_counter() - start) * 1000)
    return times[1:]


def turn_in_browser(port: int, review: int, folder: str, turns: int) -> list[float]:
    """Return the milliseconds from Enter to the frame in which the whole next page is painted."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only here, so that --no-browser needs none

    flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.add_init_script(path=Path(__file__).with_name("page_turn.js"))
        tab.goto(f"http://127.0.0.1:{port}/reviews/{review}")
        print(f"browser: {tab.evaluate('pageTurn.painted()')} tiles a page at 1440 x 900")
        times = []
        for _ in range(turns):
            tab.evaluate("folder => pageTurn.rejectOthers(folder)", folder)
            tab.wait_for_timeout(1000)  # sixty tiles take an annotator about twelve seconds
            times.append(float(tab.evaluate("pageTurn.turn()")))
        browser.close()
    return times


def report(what: str, times: list[float], *, target: float) -> None:
    ordered = sorted(times)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    verdict = "holds" if p95 < target else "MISSED"
    print(
        f"{what}: median {median(ordered):.1f} ms, p95 {p95:.1f} ms over {len(ordered)} turns (< {target} ms {verdict})"
    )


def print_memory(pid: int, home: Path) -> None:
    resident = status_of(pid, "VmRSS")
    vectors = sum(path.stat().st_size for path in (home / "indexes").glob("*/index.faiss"))
    print(
        f"server: resident {resident / MEGABYTE:.0f} MB, vectors {vectors / MEGABYTE:.0f} MB, "
        f"so {(resident - vectors) / MEGABYTE:.0f} MB beside them (< 300 MB)"
    )


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """Run `winnow serve` on a free port; yield the port and the process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "WINNOW_HOME": str(home), "WINNOW_PORT": str(port), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "app.cli", "serve", "--no-worker"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(timeout=20)


def folder_of(path: str) -> str:
    return PurePosixPath(path).parent.name


def status_of(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/{pid}/status has no {field}")


if __name__ == "__main__":
    main()
