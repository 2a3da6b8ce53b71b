"""The pictures that a first try begins with."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from app.demo import Archive, demo_folder

CONTENT = os.urandom(3 << 20)  # random bytes do not shrink: the archive is as long


def test_photographs_are_downloaded_and_unpacked_once(tmp_path: Path) -> None:
    packed = tar_of({"imagenette2-160/train/n01/a.JPEG": CONTENT, "imagenette2-160/noisy.csv": b"no picture"})
    with server_of(packed) as server:
        folder = demo_folder(tmp_path, print, archive=server.archive)
    assert demo_folder(tmp_path, print, archive=server.archive) == folder, "needs no network any more"
    assert files_of(folder) == {"train/n01/a.JPEG": CONTENT}
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["imagenette"], "nothing is left behind"


def test_a_download_that_broke_off_is_continued(tmp_path: Path) -> None:
    packed = tar_of({"imagenette2-160/train/n01/a.JPEG": CONTENT})
    with server_of(packed, breaks_off_after=1 << 20) as server:
        assert demo_folder(tmp_path, print, archive=server.archive).name == "digits", "one can begin all the same"
    with server_of(packed) as server:
        folder = demo_folder(tmp_path, print, archive=server.archive)
    assert files_of(folder) == {"train/n01/a.JPEG": CONTENT}
    assert server.ranges == [f"bytes={1 << 20}-"], "what had arrived is not fetched again"


def test_an_archive_with_another_checksum_is_thrown_away(tmp_path: Path) -> None:
    packed = tar_of({"imagenette2-160/train/n01/a.JPEG": CONTENT})
    with server_of(packed, sends=packed[::-1]) as server:
        folder = demo_folder(tmp_path, print, archive=server.archive)
    assert [path.name for path in folder.parent.iterdir()] == ["digits"]


def test_names_in_an_archive_lead_nowhere_else(tmp_path: Path) -> None:
    packed = tar_of({"a/../../../escaped.JPEG": b"1", "/train/n01/absolute.JPEG": b"2", "x/train/n01/good.JPEG": b"3"})
    with server_of(packed) as server:
        folder = demo_folder(tmp_path / "home", print, archive=server.archive)
    assert files_of(folder) == {"train/n01/absolute.JPEG": b"2", "train/n01/good.JPEG": b"3"}
    assert not list(tmp_path.glob("**/escaped.JPEG"))


def test_without_a_network_there_are_1797_digits_after_saying_so(tmp_path: Path) -> None:
    said: list[str] = []
    nobody_listens = Archive("http://127.0.0.1:9/archive.tgz", 10, "0" * 64)
    folder = demo_folder(tmp_path, said.append, archive=nobody_listens)
    assert "digits instead" in said[-1]
    assert folder == tmp_path / "pictures" / "digits"
    pictures = sorted(folder.glob("*/*.png"))
    assert len(pictures) == 1797
    assert {path.parent.name for path in pictures} == set("0123456789")
    with Image.open(pictures[0]) as picture:
        assert picture.size == (64, 64)


def test_whoever_began_with_digits_goes_on_with_digits(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "digits").mkdir(parents=True)
    with server_of(tar_of({"imagenette2-160/train/n01/a.JPEG": CONTENT})) as server:
        assert demo_folder(tmp_path, print, archive=server.archive).name == "digits"
    assert server.ranges == []


class Server:
    """A web server on loopback that offers one archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.ranges: list[str] = []  # of the requests, in their order


@contextmanager
def server_of(packed: bytes, *, sends: bytes | None = None, breaks_off_after: int | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.ranges.append(self.headers["Range"])
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            body = (packed if sends is None else sends)[begin:]
            self.send_response(206)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:breaks_off_after])

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{http.server_address[1]}/archive.tgz"
    server = Server(Archive(url, len(packed), hashlib.sha256(packed).hexdigest()))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
