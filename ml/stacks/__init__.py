"""Stacks: groups of near-identical images, such as bursts and re-encodings, found when an index version is built."""
