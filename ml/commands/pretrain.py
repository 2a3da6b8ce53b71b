"""Pretrain a backbone on images without labels (`ml` extra); run again, it goes on."""

from __future__ import annotations

import argparse

from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(options: argparse.Namespace, progress: Progress) -> None:
    raise NotImplementedError
