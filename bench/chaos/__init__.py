"""Kills server and worker at random moments, while people label and an engineer imports, reindexes and swaps."""
