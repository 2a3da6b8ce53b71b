import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from app.names import BadName
from app.registry.encoders import EncoderDamaged, EncoderNotFound, find_encoder, list_encoders, register
from app.settings import PROJECT
from app.tables import Encoder
from tests.conftest import both_databases, one_database

pytestmark = one_database

SHIPPED = "simclr-resnet18-96"


@pytest.fixture
def own(settings) -> Path:
    """A copy of the shipped encoder among one's own, under the name "mine"."""
    target = settings.home / "encoders" / "mine"
    shutil.copytree(PROJECT / "ml" / "encoders" / SHIPPED, target)
    return target


def test_the_shipped_encoder_is_found(settings):
    folder, manifest = find_encoder(settings, SHIPPED)
    assert folder == PROJECT / "ml" / "encoders" / SHIPPED
    assert (manifest.dimension, manifest.input_size) == (512, (96, 96))


def test_ones_own_encoder_hides_a_shipped_one(settings, own):
    own.rename(own.with_name(SHIPPED))
    folder, _ = find_encoder(settings, SHIPPED)
    assert folder == own.with_name(SHIPPED)


def test_an_unknown_encoder_is_told_with_those_there_are(settings):
    with pytest.raises(EncoderNotFound, match=f"no encoder “nope”.*“{SHIPPED}”"):
        find_encoder(settings, "nope")


@pytest.mark.parametrize("name", ["../mine", "a/b", ".."])
def test_a_path_is_no_name(settings, own, name):
    with pytest.raises(BadName):
        find_encoder(settings, name)


def test_one_flipped_byte_is_noticed(settings, own):
    weights = own / "encoder.onnx"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EncoderDamaged, match=r"“mine” cannot be used.*encoder\.onnx") as error:
        find_encoder(settings, "mine")
    assert str(settings.home) not in error.value.sentence


def test_a_folder_without_manifest_is_listed_with_its_problem(settings, own):
    (own / "manifest.json").unlink()
    mine, shipped = list_encoders(settings)
    assert (mine.name, mine.manifest) == ("mine", None)
    assert "manifest.json" in mine.problem
    assert str(settings.home) not in mine.problem
    assert (shipped.name, shipped.problem) == (SHIPPED, None)


@both_databases
def test_an_encoder_is_registered_once(settings, database):
    _, manifest = find_encoder(settings, SHIPPED)
    ids = []
    for _ in range(2):
        with database.write() as session:
            ids.append(register(session, manifest=manifest))
    with database.read() as session:
        encoders = session.scalars(select(Encoder)).all()
    assert ids[0] == ids[1]
    assert [(encoder.name, encoder.digest, encoder.dimension) for encoder in encoders] == [
        (SHIPPED, manifest.digest, 512)
    ]
