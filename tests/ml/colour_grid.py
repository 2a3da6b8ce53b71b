"""How tests/ml/encoders/colour-grid was made: an encoder of a few hundred bytes, for tests that need none better.

It sees 32 x 32 pixels and tells the mean colours of a grid of 4 x 4; a black picture gives zeros.
`python -m tests.ml.colour_grid` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from ml.artifacts import EncoderManifest, checksums, publishing
from ml.encoder import INPUT, OUTPUT, WEIGHTS

FOLDER = Path(__file__).parent / "encoders" / "colour-grid"


def write_colour_grid(target: Path) -> None:
    """Publish the encoder at `target`; the same bytes every time."""
    with publishing(target) as draft:
        (draft / WEIGHTS).write_bytes(_onnx())
        EncoderManifest(
            name="colour-grid",
            architecture="mean colours of a grid",
            dimension=48,
            input_size=(32, 32),
            resize=32,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            recipe={},
            epochs=0,
            quality={},
            files=checksums(draft, [WEIGHTS]),
            created_at="2026-01-01T00:00:00+00:00",
        ).write(draft)


def _onnx() -> bytes:
    from onnx import TensorProto, helper

    pixels = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, 32, 32])
    vectors = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 48])
    nodes = [
        helper.make_node("AveragePool", [INPUT], ["means"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["means"], [OUTPUT]),
    ]
    graph = helper.make_graph(nodes, "colour-grid", [pixels], [vectors])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


if __name__ == "__main__":
    write_colour_grid(FOLDER)
