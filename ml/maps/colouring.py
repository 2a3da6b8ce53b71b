"""What a map's points are coloured by: the classes of their images, or groups of these classes."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.errors import Refusal
from ml.labelled import labelled_images
from ml.progress import Progress

_IDS = ("image", "sha256", "id")


class BadLabels(Refusal):
    """Labels or groups that cannot be used; the message is a sentence that names their file."""


@dataclass(frozen=True)
class Colouring:
    """A name for each image that has one."""

    what: str  # what the names are: "class", "group"
    names: Mapping[str, str]  # by the image's id; an image that is not in it has no label
    order: tuple[str, ...] = ()  # of the names; without one, the most frequent first


def by_class(labels: Path, progress: Progress) -> Colouring:
    """Read classes from a folder laid out as CLASS/FILE, or from a CSV such as the app exports.

    The CSV needs a column image, sha256 or id, and a column class. Where it has verdicts, accepted ones count that
    were not undone; of several classes of an image the last. Raises BadLabels, or what labelled_images raises.
    """
    if labels.suffix.lower() == ".csv":
        return Colouring("class", _read_csv(labels))
    return Colouring("class", {entry.image.id: entry.label for entry in labelled_images(labels, progress)})


def by_group(classes: Colouring, groups: Path) -> Colouring:
    """Put classes together as a TOML file says: in [groups], each name with the list of its classes.

    Images of classes in no group are of the group “other”. Raises BadLabels.
    """
    try:
        content = tomllib.loads(groups.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadLabels(f"{groups} is no TOML: {error}.") from error
    table = content.get("groups")
    if not isinstance(table, dict) or content.keys() != {"groups"} or not all(map(_is_list_of_names, table.values())):
        raise BadLabels(f'{groups} needs one table [groups], of lines such as: animals = ["bird", "cat"].')
    group_of: dict[str, str] = {}
    for group, members in table.items():
        for member in members:
            if group_of.setdefault(member, group) != group:
                raise BadLabels(f"{groups} puts the class {member} into two groups, {group_of[member]} and {group}.")
    if not group_of.keys() & set(classes.names.values()):
        known = ", ".join(sorted(set(classes.names.values()))[:5])
        raise BadLabels(f"{groups} names none of the classes that there are (they begin with {known}).")
    return Colouring("group", {id: group_of.get(name, "other") for id, name in classes.names.items()}, tuple(table))


def _read_csv(file: Path) -> dict[str, str]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        columns = rows.fieldnames or []
        id = next((column for column in _IDS if column in columns), None)
        if id is None or "class" not in columns:
            raise BadLabels(f"{file} names no labels: its first line must have the columns image and class.")
        return {
            row[id]: row["class"]
            for row in rows
            if row[id] and row["class"] and row.get("verdict", "accept") == "accept" and row.get("undone") != "yes"
        }


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
