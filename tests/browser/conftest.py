"""Fixtures for tests in a real Chromium: pools that are built once, servers, and pages that are watched."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.demo import Archive, demo_folder
from tests.browser.server import Server
from tests.browser.watched import NO_OTHER_HOST, Watch

# Nothing listens there: whoever asks for photographs gets the digits.
NOWHERE = Archive(url="http://127.0.0.1:9/nothing.tgz", size=1, sha256="")
PARACHUTES, OTHERS_PER_CLASS = 240, 40

POPUPS = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"]
PLAYWRIGHTS = ["AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"]
PLAYWRIGHTS += ["DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay"]
PLAYWRIGHTS += ["MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"]
PLAYWRIGHTS += ["ThirdPartyStoragePartitioning"]

# Two servers, two browsers and their workers on two cores: what is slow then is not wrong.
expect.set_options(timeout=20_000)

NewPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("These tests need Chromium: install Debian's package “chromium”.")
    quiet = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", NO_OTHER_HOST]
    # Behind each page Chromium keeps two of its own, for what pops up beneath its address bar; they take as long again.
    # Of several such lists the last one counts, so this one holds Playwright's too.
    quiet += [f"--disable-features={','.join([*POPUPS, *PLAYWRIGHTS])}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home in which the pool “digits” is ready: imported, indexed, without classes."""
    return _made_once(
        tmp_path_factory,
        "digits",
        lambda place: demo_folder(place, lambda _sentence: None, archive=NOWHERE),
    )


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, real_images: Path) -> Path:
    """A folder with a home in which the pool “photographs” is ready: parachutes, and some of everything else.

    The encoder that comes along indexed it.
    """

    def chosen(place: Path) -> Path:
        for folder in sorted((real_images / "imagenette-96" / "train").iterdir()):
            pictures = sorted(folder.iterdir())
            target = place / "pictures" / folder.name
            target.mkdir(parents=True)
            for picture in pictures[: PARACHUTES if folder.name == "parachute" else OTHERS_PER_CLASS]:
                shutil.copy(picture, target)
        return place / "pictures"

    return _made_once(tmp_path_factory, "photographs", chosen, "--encoder", "simclr-resnet18-96")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], Server]]:
    """Starts a server on a copy of a home that was made ready, or on an empty one."""
    servers: list[Server] = []

    def start(ready: Path | None = None, *, planted_per_page: float = 0, stacks: bool = False) -> Server:
        home = tmp_path / "home"
        if ready is None:
            home.mkdir()
        else:
            shutil.copytree(ready / "home", home)
        server = Server(home, import_roots=ready or tmp_path, planted_per_page=planted_per_page, stacks=stacks)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="package")
def standing_server(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Iterator[Server]:
    """One server for all tests that want no other: starting it takes longer than most tests."""
    home = tmp_path_factory.mktemp("standing") / "home"
    shutil.copytree(digits / "home", home)
    server = Server(home, import_roots=digits)
    yield server
    server.kill()


@pytest.fixture
def server(standing_server: Server, digits: Path) -> Server:
    """A server with the pool “digits” as it was made ready, whatever tests before did with it."""
    standing_server.stand_by(digits / "home" / "winnow.db")
    return standing_server


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Sees that pages load nothing from elsewhere and that nothing goes wrong in them unnoticed."""
    watch = Watch()
    yield watch
    assert watch.complaints == []


@pytest.fixture
def new_page(browser: Browser, watch: Watch, serve: object) -> Iterator[NewPage]:
    """Opens a page of a fresh browser; `phone=True` has a small touch screen. All are closed before their servers."""
    contexts = []

    def open_page(server: Server, *, phone: bool = False, dark: bool = False) -> Page:
        size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
        context = browser.new_context(
            base_url=server.url,
            viewport=size,  # type: ignore[arg-type]
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        watch.over(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage, server: Server) -> Page:
    """A large page of a server with the pool “digits”."""
    return new_page(server)


def _made_once(
    tmp_path_factory: pytest.TempPathFactory, pool: str, pictures_in: Callable[[Path], Path], *reindexed: str
) -> Path:
    """Return the folder of a pool that is imported and indexed; one test worker makes it for all, who only read it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place, ready = shared / pool, shared / f"{pool}.ready"
    with (shared / f"{pool}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            # What a worker left that did not come to its end.
            shutil.rmtree(place, ignore_errors=True)
            (place / "home").mkdir(parents=True)
            pictures = pictures_in(place)
            server = Server(place / "home", import_roots=place)
            server.run("import", pool, str(pictures))
            server.run("reindex", pool, *reindexed)
            ready.touch()
    return place
