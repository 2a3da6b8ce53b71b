"""What the commands of this package say when they cannot go on."""

from __future__ import annotations


class Refusal(Exception):
    """Why something cannot be done; the message is a sentence, or several, for whoever asked for it."""
