"""Data sets by name: downloaded once, laid out as folders; without a network, a sentence."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from ml.datasets import NoDataSet, located, unpack
from ml.labelled import labelled_images
from ml.progress import JsonLines

pytestmark = pytest.mark.torch
datasets = pytest.importorskip("torchvision.datasets")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive like Imagenette's, with two classes of one picture a split, where torchvision downloads it from."""
    served = tmp_path / "served"
    served.mkdir()
    file = served / "imagenette2-160.tgz"
    with tarfile.open(file, "w:gz") as packed:
        for number, name in enumerate(["train/n01440764", "train/n03028079", "val/n01440764", "val/n03028079"]):
            content = io.BytesIO()
            Image.new("RGB", (8, 8), (50 * number, 0, 0)).save(content, "JPEG")
            entry = tarfile.TarInfo(f"imagenette2-160/{name}/picture_{number}.JPEG")
            entry.size = content.tell()
            packed.addfile(entry, io.BytesIO(content.getvalue()))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=served)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{file.name}"
        md5 = hashlib.md5(file.read_bytes()).hexdigest()
        monkeypatch.setattr(datasets.Imagenette, "_ARCHIVES", {"160px": (address, md5)})
        yield file
        server.shutdown()


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert located(str(tmp_path), JsonLines()) == tmp_path


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(NoDataSet, match="no data set “CIFAR11” to be had; there are CIFAR10, CIFAR100, "):
        located("torchvision:CIFAR11", JsonLines())


def test_an_unknown_split_is_answered_with_those_there_are() -> None:
    with pytest.raises(NoDataSet, match="no split “valid”; there are torchvision:DTD:train, torchvision:DTD:val, "):
        located("torchvision:DTD:valid", JsonLines())


def test_a_data_set_is_downloaded_and_laid_out_by_split_and_class(archive: Path, tmp_path: Path) -> None:
    folder = located("torchvision:Imagenette", JsonLines(), cache=tmp_path / "cache")
    assert folder == tmp_path / "cache" / "datasets" / "Imagenette"
    labelled = [
        (str(entry.image.path.relative_to(folder)), entry.label, entry.split)
        for entry in labelled_images(folder, JsonLines())
    ]
    assert labelled == [
        ("train/church/00002.JPEG", "church", "train"),
        ("train/tench/00001.JPEG", "tench", "train"),
        ("val/church/00002.JPEG", "church", "val"),
        ("val/tench/00001.JPEG", "tench", "val"),
    ]
    assert {path.name for path in folder.iterdir()} == {"train", "val"}


def test_it_is_downloaded_only_once(archive: Path, tmp_path: Path) -> None:
    folder = located("torchvision:Imagenette", JsonLines(), cache=tmp_path / "cache")
    archive.unlink()
    assert located("torchvision:Imagenette:val", JsonLines(), cache=tmp_path / "cache") == folder / "val"


def test_of_a_damaged_download_nothing_is_believed(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-10])
    with pytest.raises(NoDataSet, match=r"cannot be downloaded .*corrupted"):
        located("torchvision:Imagenette", JsonLines(), cache=tmp_path / "cache")
    archive.write_bytes(whole)
    folder = located("torchvision:Imagenette:train", JsonLines(), cache=tmp_path / "cache")
    assert len(labelled_images(folder, JsonLines())) == 2


def test_without_a_network_a_sentence_says_what_else_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 is nobody's.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # It remembers how it once got through.
    monkeypatch.setattr(urllib.request, "_opener", None)
    with pytest.raises(NoDataSet, match=r"SVHN cannot be downloaded \(Connection refused\)\. Try again where there is"):
        located("torchvision:SVHN:train", JsonLines(), cache=tmp_path)
    assert not (tmp_path / "datasets" / "SVHN").exists()


def test_pictures_become_files_by_class_with_the_same_pixels(tmp_path: Path) -> None:
    fake = datasets.FakeData(size=6, image_size=(3, 8, 8), num_classes=3)
    unpack(fake, tmp_path, JsonLines())
    for number in range(6):
        picture, label = fake[number]
        assert Image.open(tmp_path / str(label) / f"{number + 1:05}.png").tobytes() == picture.tobytes()


def test_what_has_no_label_lies_in_no_class_and_a_slash_in_a_name_makes_no_folder(tmp_path: Path) -> None:
    fake = datasets.FakeData(size=2, image_size=(3, 8, 8), num_classes=1)
    fake.classes = ["F/A-18"]
    unpack(fake, tmp_path, JsonLines())
    fake.target_transform = lambda label: label - 1
    unpack(fake, tmp_path, JsonLines())
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")) == [
        "00001.png",
        "00002.png",
        "F-A-18/00001.png",
        "F-A-18/00002.png",
    ]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
