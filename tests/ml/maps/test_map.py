"""`python -m ml map` from vectors to a published map, its pictures and its page."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import IndexManifest, MapManifest
from tests.ml.conftest import Run
from tests.ml.maps.conftest import CLASSES, ENCODER

# Looked for, and not loaded: what PaCMAP compiles when it is imported takes seconds, also of whoever runs other tests.
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("pacmap") is None or find_spec("matplotlib") is None, reason="needs the `map` extra"),
]

GROUPS = '[groups]\nanimals = ["bird", "cat"]\nvehicles = ["car", "ship"]\n'


@pytest.fixture
def labels(digests: np.ndarray, tmp_path: Path) -> Path:
    """The classes of all images but the last hundred."""
    lines = [f"{digest.tobytes().hex()},{CLASSES[row % 4]}" for row, digest in enumerate(digests[:300])]
    (tmp_path / "labels.csv").write_text("\n".join(["image,class", *lines]))
    return tmp_path / "labels.csv"


def test_an_index_becomes_a_map_with_pictures(index: Path, labels: Path, tmp_path: Path, ml: Run) -> None:
    (tmp_path / "groups.toml").write_text(GROUPS)
    out = tmp_path / "map"
    answer = ml("map", "--index", index, "--out", out, "--labels", labels, "--groups", tmp_path / "groups.toml")
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout
    assert _events(answer)[-1] == {"event": "artifact", "kind": "map", "path": str(out), "points": 400}

    manifest = MapManifest.read(out)
    assert (manifest.method, manifest.dimensions, manifest.count, manifest.sampled_from) == ("pacmap", 3, 400, 400)
    assert (manifest.encoder, manifest.encoder_digest) == ("four-corners", ENCODER.digest)
    assert manifest.index_digest == IndexManifest.read(index).digest
    assert manifest.versions.keys() == {"numpy", "pacmap", "numba"}

    coordinates = np.load(out / "coordinates.npy")
    assert (coordinates.dtype, coordinates.shape) == (np.float32, (400, 3))
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    np.testing.assert_allclose(low, -high, atol=1e-6)
    assert (high - low).max() == pytest.approx(1)
    assert (out / "images.npy").read_bytes() == (index / "images.npy").read_bytes()

    for name in ("by-class.png", "by-group.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 700
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 100
    page = (out / "map.html").read_text()
    assert not re.search(r"(?:src|href)=|https?:", page), "it needs no network"
    content = json.loads(page.split('id="map">')[1].split("</script>")[0])
    assert base64.b64decode(content["coordinates"]) == coordinates.tobytes()
    assert [[entry["name"] for entry in painting["legend"]] for painting in content["paintings"]] == [
        [*CLASSES, "unlabelled"],
        ["animals", "vehicles", "unlabelled"],
    ]


def test_the_same_command_gives_the_same_map_again(vectors: Path, tmp_path: Path, ml: Run) -> None:
    for name in ("one", "other"):
        assert ml("map", "--vectors", vectors, "--out", tmp_path / name, "--seed", 5).returncode == 0
    assert (tmp_path / "one/coordinates.npy").read_bytes() == (tmp_path / "other/coordinates.npy").read_bytes()


def test_of_many_vectors_a_sample_is_laid_out_and_its_rows_are_known(
    index: Path, digests: np.ndarray, tmp_path: Path, run_ml: Run
) -> None:
    command = ("map", "--index", index, "--at-most", 60, "--method", "pca", "--dimensions", 2, "--picture")
    assert run_ml(*command, "--out", tmp_path / "map").returncode == 0
    rows = np.load(tmp_path / "map" / "rows.npy")
    assert len(rows) == 60
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(np.load(tmp_path / "map" / "images.npy"), digests[rows])
    manifest = MapManifest.read(tmp_path / "map")
    assert (manifest.count, manifest.sampled_from) == (60, 400)
    assert "60 of 400 images by PCA, encoder four-corners" in (tmp_path / "map" / "map.html").read_text()
    assert "map.png" in manifest.files


def test_any_array_can_be_mapped(tmp_path: Path, ml: Run) -> None:
    np.save(tmp_path / "any.npy", np.random.default_rng(0).normal(size=(70, 5)))
    assert ml("map", "--array", tmp_path / "any.npy", "--out", tmp_path / "map", "--method", "tsne").returncode == 0
    manifest = MapManifest.read(tmp_path / "map")
    assert (manifest.encoder, manifest.index_digest, manifest.parameters["components"]) == (None, None, 5)
    assert sorted(manifest.files) == ["coordinates.npy", "rows.npy"]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--vectors", "nowhere"), "nowhere is no folder of vectors"),
        (("--array", "no.npy"), "No such file or directory"),
        (("--array", "none.npy"), "There is nothing to lay out"),
        (("--array", "holes.npy"), "Row 1 of holes.npy"),
        (("--array", "large.npy", "--method", "tsne"), "t-SNE in three dimensions would take hours for 20,001 points"),
        (("--array", "holes.npy", "--labels", "labels.csv"), "these vectors have none; --ids FILE names them"),
        (("--array", "holes.npy", "--groups", "labels.csv"), "--labels says where the classes are"),
        (("--vectors", "nowhere", "--ids", "labels.csv"), "--ids names the images of an --array"),
    ],
)
def test_what_cannot_be_mapped_is_said_in_a_sentence_and_leaves_nothing(
    labels: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    from ml.__main__ import main

    np.save(tmp_path / "none.npy", np.ones((0, 5)))
    np.save(tmp_path / "holes.npy", np.array([[1.0], [np.nan]]))
    np.save(tmp_path / "large.npy", np.ones((20_001, 1), dtype=np.uint8))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["map", *arguments, "--out", "map", "--progress", "json"]) == 1
    assert sentence in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]
    assert sorted(tmp_path.iterdir()) == before


def test_where_numba_may_write_nowhere_a_sentence_says_what_to_set(vectors: Path, tmp_path: Path, run_ml: Run) -> None:
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserWideCacheLocator", "XDG_CACHE_HOME": str(tmp_path / "file")}
    answer = run_ml("map", "--vectors", vectors, "--out", tmp_path / "map", env=os.environ | nowhere)
    assert (answer.returncode, answer.stderr) == (1, "")
    assert "NUMBA_CACHE_DIR names a folder to write to" in _events(answer)[-1]["message"]


def _events(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.stdout.splitlines()]
