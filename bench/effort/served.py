"""A review, played against a running Winnow server through its API, and taken back afterwards."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np

from bench.effort.annotators import Annotator
from bench.effort.playing import Course

Api = Callable[..., Any]  # (method, path below /api/v1, body) -> the answer's JSON

_IMAGES_AT_ONCE = 500


def connect(url: str) -> Api:
    """Return the API of the server at this address. An error's sentence ends the command."""

    def call(method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{url.rstrip('/')}/api/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {json.load(error)['detail']}") from error

    return call


def truth_of(api: Api, pool: str) -> dict[str, str]:
    """Return the class of each image of a pool: the folder that its file lies in."""
    truth: dict[str, str] = {}
    after = ""
    while True:
        listed = api("GET", f"/pools/{quote(pool, safe='')}/images?limit={_IMAGES_AT_ONCE}{after}")
        truth |= {item["id"]: PurePosixPath(item["path"]).parent.name for item in listed["items"]}
        if not listed["next"]:
            return truth
        after = f"&after={quote(str(listed['next']), safe='')}"


def play_served(
    api: Api, pool: str, truth: dict[str, str], query: str, annotator: Annotator, *, pages: int, size: int
) -> Course:
    """Play a review in a class of its own. Its labels are taken back at the end; the empty class stays."""
    name = f"effort {secrets.token_hex(6)}"
    pool_path = f"/pools/{quote(pool, safe='')}"
    api("POST", f"{pool_path}/classes", {"name": name})
    review = api("POST", f"{pool_path}/reviews", {"class": name, "query": {"images": [query]}})["id"]
    matches, struck_out, ends, stored = [], [], [], []
    milliseconds = 0.0
    try:
        for _ in range(pages):
            begin = time.perf_counter()
            page = api("POST", f"/reviews/{review}/pages", {"size": size})
            milliseconds += 1000 * (time.perf_counter() - begin)
            shown = [tile["image"] for tile in page["candidates"] if tile["image"] != query]
            if not page["candidates"]:
                break
            right = np.array([truth[image] == truth[query] for image in shown], dtype=bool)
            marks = annotator(right) if len(right) else right
            rejected = [image for image, mark in zip(shown, marks, strict=True) if mark]
            api("POST", f"/pages/{page['id']}/commit", {"rejected": rejected, "key": secrets.token_hex(8)})
            stored.append(page["id"])
            matches.append(right)
            struck_out.append(marks)
            ends.append(len(shown))
    finally:
        for page_id in reversed(stored):
            api("DELETE", f"/pages/{page_id}/commit")
    none = np.empty(0, dtype=bool)
    return Course(
        truth[query],
        sum(name == truth[query] for name in truth.values()) - 1,
        np.concatenate([none, *matches]),
        np.concatenate([none, *struck_out]),
        np.cumsum(ends, dtype=np.intp),
        milliseconds / max(1, len(ends)),
    )
