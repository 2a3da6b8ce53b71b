"""Artifacts: published whole, and known again byte by byte."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ml.artifacts import (
    BadArtifact,
    EncoderManifest,
    IndexManifest,
    checksums,
    publishing,
    remove_abandoned_drafts,
)
from tests.ml.colour_grid import FOLDER as COLOUR_GRID


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return Path(shutil.copytree(COLOUR_GRID, tmp_path / "encoder"))


def test_what_is_written_is_read(artifact: Path, tmp_path: Path) -> None:
    manifest = EncoderManifest.read(artifact)
    assert (manifest.name, manifest.dimension, manifest.input_size) == ("colour-grid", 48, (32, 32))
    manifest.write(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == (artifact / "manifest.json").read_bytes()


def test_the_digest_is_that_of_the_manifest_file(artifact: Path) -> None:
    assert [EncoderManifest.read(artifact).digest] == list(checksums(artifact, ["manifest.json"]).values())


@pytest.mark.parametrize("name", ["manifest.json", "encoder.onnx"])
def test_one_flipped_byte_anywhere_is_noticed(artifact: Path, name: str) -> None:
    path = artifact / name
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(BadArtifact, match=r"damaged|cannot be understood|other keys|is missing|needs"):
            EncoderManifest.read(artifact)


def test_a_folder_without_manifest_is_no_artifact(artifact: Path) -> None:
    (artifact / "manifest.json").unlink()
    with pytest.raises(BadArtifact, match=r"is no encoder: it has no manifest.json"):
        EncoderManifest.read(artifact)


def test_a_missing_file_is_named(artifact: Path) -> None:
    (artifact / "encoder.onnx").unlink()
    with pytest.raises(BadArtifact, match=r"is incomplete: encoder.onnx is missing"):
        EncoderManifest.read(artifact, verify=False)


def test_an_artifact_of_another_kind_is_refused(artifact: Path) -> None:
    with pytest.raises(BadArtifact, match="is no index version"):
        IndexManifest.read(artifact)


def test_an_encoder_that_cuts_out_more_than_it_resizes_cannot_be_described(artifact: Path) -> None:
    with pytest.raises(BadArtifact, match="input size no larger"):
        replace(EncoderManifest.read(artifact), resize=31)


def test_a_published_folder_holds_what_the_draft_held(tmp_path: Path) -> None:
    with publishing(tmp_path / "new" / "target") as draft:
        (draft / "file").write_text("content")
        assert not (tmp_path / "new" / "target").exists()
    assert (tmp_path / "new" / "target" / "file").read_text() == "content"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["target"]


def test_after_an_error_nothing_was_ever_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), publishing(tmp_path / "target") as draft:
        shutil.copy(_written(draft / "file"), draft / "no" / "such" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_what_is_published_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(BadArtifact, match="is there already"), publishing(tmp_path / "target"):
        pass


def test_whoever_publishes_second_under_one_name_is_told(tmp_path: Path) -> None:
    late = ExitStack()
    _written(late.enter_context(publishing(tmp_path / "target")) / "file", "late")
    with publishing(tmp_path / "target") as draft:
        _written(draft / "file", "first")
    with pytest.raises(BadArtifact, match="is there already"):
        late.close()
    assert (tmp_path / "target" / "file").read_text() == "first"


def test_the_draft_of_a_killed_process_is_cleared_away_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    with publishing(tmp_path / "living") as living:
        abandoned = living.with_name(living.name + "0")
        abandoned.mkdir()
        with publishing(tmp_path / "other"):
            assert living.is_dir()
            assert not abandoned.exists()


def _written(path: Path, text: str = "content") -> Path:
    path.write_text(text)
    return path


def test_drafts_of_processes_that_are_gone_are_cleared_away_and_others_stay(tmp_path: Path) -> None:
    abandoned = tmp_path / ".winnow-draft-abandoned"
    abandoned.mkdir()
    with publishing(tmp_path / "published") as draft:
        remove_abandoned_drafts(tmp_path)
        assert (abandoned.exists(), draft.exists()) == (False, True)
    assert (tmp_path / "published").exists()
    remove_abandoned_drafts(tmp_path / "nowhere")
