"""Lay vectors out on a plane or in space (`map` extra)."""

from __future__ import annotations

import argparse

from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(options: argparse.Namespace, progress: Progress) -> None:
    raise NotImplementedError
