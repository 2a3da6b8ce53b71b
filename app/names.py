"""Names that people give to pools, classes and each other."""

from __future__ import annotations

import unicodedata

from app.errors import Invalid

LONGEST_NAME = 100

# A cell that begins with one of these is run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@")
# These would split or climb the path of a URL.
_URL_BREAKERS = ("/", "\\")


class BadName(Invalid):
    """This name cannot be used."""


def checked_name(text: str) -> str:
    """Return the name in its stored form: NFC, without surrounding blanks.

    Raises BadName for an empty or overlong name, one that begins like a spreadsheet formula, or one that
    holds control characters or slashes.
    """
    # Tabs and returns are looked for before stripping: they are part of what was sent.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise BadName("A name cannot hold tabs, line breaks or other control characters.")
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise BadName("A name needs at least one character.")
    if len(name) > LONGEST_NAME:
        raise BadName(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    if name.startswith(_FORMULA_STARTS):
        raise BadName(f"A name cannot begin with “{name[0]}”: spreadsheets would run it as a formula.")
    if any(breaker in name for breaker in _URL_BREAKERS) or name in {".", ".."}:
        raise BadName("A name cannot hold slashes, nor be only dots.")
    return name


def name_key(name: str) -> str:
    """Return what two names share when they differ in nothing but case or width."""
    return unicodedata.normalize("NFKC", name).casefold()
