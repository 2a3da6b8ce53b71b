"""Names that people give to pools, classes and each other."""

from __future__ import annotations

import unicodedata

from app.errors import Invalid

LONGEST_NAME = 100

# A cell that begins with one of these is run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@")
# These turn the direction of what follows, so that a name reads as another one.
_TURNERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# These would split or climb the path of a URL.
_URL_BREAKERS = ("/", "\\")


class BadName(Invalid):
    """This name cannot be used."""


def checked_name(text: str) -> str:
    """Return the name in its stored form: NFC, without surrounding blanks.

    Raises BadName for an invisible or overlong name, one that begins like a spreadsheet formula, or one that
    holds control characters or slashes.
    """
    # Tabs and returns are looked for before stripping: they are part of what was sent.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise BadName("A name cannot hold tabs, line breaks or other control characters.")
    name = unicodedata.normalize("NFC", text).strip()
    if not any(unicodedata.category(character)[0] in "LNPS" for character in name):
        raise BadName("A name needs at least one character that can be seen.")
    if not _TURNERS.isdisjoint(name):
        raise BadName("A name cannot hold characters that turn the direction of writing.")
    if len(name) > LONGEST_NAME:
        raise BadName(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    # Some spreadsheets take the wide forms of these for the plain ones.
    if unicodedata.normalize("NFKC", name).startswith(_FORMULA_STARTS):
        raise BadName(f"A name cannot begin with “{name[0]}”: spreadsheets would run it as a formula.")
    if any(breaker in name for breaker in _URL_BREAKERS) or name in {".", ".."}:
        raise BadName("A name cannot hold slashes, nor be only dots.")
    return name


def name_key(name: str) -> str:
    """Return what two names share when they differ in nothing but case or width."""
    return unicodedata.normalize("NFKC", name).casefold()
