"""A map as a page: one HTML file that needs no network, to be turned with the mouse."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ml.maps.painting import Painting
from ml.maps.projections import Coordinates

_TEMPLATE = Path(__file__).with_name("page.html")


def write_page(coordinates: Coordinates, paintings: Sequence[Painting], file: Path, *, title: str) -> None:
    """Write the page; of several paintings the reader chooses."""
    content = {
        "dimensions": coordinates.shape[1],
        "coordinates": _base64(coordinates.astype("<f4")),
        "paintings": [
            {
                "what": painting.what,
                "legend": [asdict(entry) for entry in painting.legend],
                "entries": _base64(painting.entries),
            }
            for painting in paintings
        ],
    }
    # A class may be called anything, also </script>.
    embedded = json.dumps(content).replace("<", "\\u003c")
    page = _TEMPLATE.read_text(encoding="utf-8")
    file.write_text(page.replace("{title}", html.escape(title)).replace("{map}", embedded), encoding="utf-8")


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
