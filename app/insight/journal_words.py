"""The journal in words, and as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from app.insight.journal import CommitLine, Entry
from app.verdicts.rule import named
from app.words import DONE, FAILED, Act

# What a reader may choose from, in words: of a pool's journal, and of the whole server's.
ACTS: dict[Act, str] = {
    "page": "Pages stored",
    "lot": "Lots accepted by sample",
    "correction": "Corrections",
    "settlement": "Settlements",
    "import": "Labels that came with an import",
    "undo": "Taken back",
    "make-pool": "Pool made",
    "rename-pool": "Pool renamed",
    "make-class": "Classes made",
    "rename-class": "Classes renamed",
    "merge": "Classes merged",
    "unmerge": "Merges taken back",
    "rule": "Rule changed",
    "role": "Roles changed",
    "ask-import": "Imports asked for",
    "stop-import": "Imports stopped",
    "resume-import": "Imports resumed",
    "end-import": "Imports ended",
    "ask-reindex": "Reindexes asked for",
    "stop-reindex": "Reindexes stopped",
    "resume-reindex": "Reindexes resumed",
    "end-reindex": "Reindexes ended",
    "serve": "Index versions served",
    "remove-index": "Index versions removed",
    "ask-compare": "Comparisons asked for",
    "stop-compare": "Comparisons stopped",
    "resume-compare": "Comparisons resumed",
    "end-compare": "Comparisons ended",
    "ask-pretrain": "Pretrainings asked for",
    "stop-pretrain": "Pretrainings stopped",
    "resume-pretrain": "Pretrainings resumed",
    "end-pretrain": "Pretrainings ended",
    "export": "Exports",
    "log-in": "Log-ins",
    "log-out": "Log-outs",
}
ACTS_OF_ALL: dict[Act, str] = {
    **ACTS,
    "make-pool": "Pools made",
    "rename-pool": "Pools renamed",
    "rule": "Rules changed",
    "add-person": "People added",
    "remove-person": "People removed",
    "admin": "Admins made or made none",
    "password": "Passwords changed",
    "token": "Tokens made",
    "revoke-token": "Tokens revoked",
}

# What is streamed goes from one thread to another, which takes longer than writing a line.
LINES_AT_ONCE = 500

HEADER = (
    "entry",
    "when",
    "who",
    "act",
    "pool",
    "class",
    "review",
    "page",
    "commit",
    "job",
    "accepted",
    "rejected",
    "unsure",
    "undone",
    "undone_by",
    "details",
)

_SENTENCES = {
    "make-pool": "made the pool “{name}”",
    "rename-pool": "renamed the pool “{from}” to “{to}”",
    "make-class": "made the class “{name}”",
    "rename-class": "renamed the class “{from}” to “{to}”",
    "merge": "merged the class “{class}” into “{into}”: {images:,} pictures",
    "unmerge": "took the merge of “{class}” into “{into}” back: {images:,} pictures",
    "export": "exported {count:,} rows of {rows}",
    "rule": "changed the rule from “{from}” to “{to}”",
    "serve": "let index version {to} be served",
    "remove-index": "removed index version {index_version}, made by {encoder}",
    "role": "gave {person} the role of {role}",
    "add-person": "added {person}",
    "admin": "made {person} an admin",
    "password": "gave {person} another password",
    "remove-person": "removed {person}",
    "token": "made the token “{name}” of the role {role}",
    "revoke-token": "revoked the token “{name}”",
    "log-in": "logged in",
    "log-out": "logged out",
}
# Where what the act is named after was taken away.
_TAKEN_AWAY = {"role": "took {person} out of the pool", "admin": "let {person} be an admin no longer"}
_JOB_VERBS = {"ask": "asked for {a}", "stop": "stopped {a}", "resume": "resumed {a}", "end": "asked for {a}, which"}
_JOB_ENDS = {DONE: "is done", FAILED: "has failed"}
_JOB_KINDS = {"import": "an import", "reindex": "a reindex", "pretrain": "a pretraining", "compare": "a comparison"}


def told(entry: Entry) -> str:
    """Return what somebody did, to follow their name: “stored page 3 of class “dog”: 58 accepted, 2 rejected”."""
    if entry.commit is not None:
        return _commit_told(entry, entry.commit)
    taken_away = entry.act in _TAKEN_AWAY and not entry.details.get(entry.act)
    sentences = _TAKEN_AWAY if taken_away else _SENTENCES
    if entry.act in sentences:
        try:
            return sentences[entry.act].format(**(_rules_named(entry) if entry.act == "rule" else entry.details))
        except (KeyError, ValueError, TypeError):
            pass  # An entry of another version of Winnow; its details are told as they are.
    verb, _, kind = entry.act.partition("-")
    words, details = entry.act.replace("-", " "), dict(entry.details)
    if entry.job_id is not None and verb in _JOB_VERBS:
        words = _JOB_VERBS[verb].format(a=_JOB_KINDS.get(kind, kind))
        if verb == "end":
            words = f"{words} {_JOB_ENDS.get(details.pop('state', ''), 'has ended')}"
    facts = _facts(details)
    return f"{words}: {facts}" if facts else words


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the header and then a line for each entry, many at once, as RFC 4180 has it (an empty cell for None).

    No cell begins like a formula: names cannot, and details are JSON.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(HEADER)
    left = iter(entries)
    while some := list(islice(left, LINES_AT_ONCE)):
        yield "".join([writer.writerow(_cells(entry)) for entry in some])


def _rules_named(entry: Entry) -> dict[str, str]:
    return {side: named(**entry.details[side]) for side in ("from", "to")}


def _commit_told(entry: Entry, commit: CommitLine) -> str:
    of_class = f"class “{entry.class_name}”"
    what = {
        "page": f"page {commit.page_number} of {of_class}",
        "lot": f"the rest of a lot of {of_class}",
        "correction": f"a correction of {of_class}",
        "settlement": f"a settlement of {of_class}",
        "import": f"labels of {of_class} that came with an import",
    }.get(commit.kind, f"{commit.kind} of {of_class}")
    if entry.act == "undo":
        whose = "their own" if commit.author == entry.person else f"{commit.author}’s"
        return f"took back, as a whole, {whose} {what.removeprefix('a ')}: {_counted(commit)}"
    verb = "accepted by sample" if commit.kind == "lot" else "stored"
    return f"{verb} {what}: {_counted(commit)}"


def _counted(commit: CommitLine) -> str:
    counts = commit.counts
    named = (("accepted", counts.accepted), ("rejected", counts.rejected), ("unsure", counts.unsure))
    return ", ".join(f"{count:,} {word}" for word, count in named if count) or "nothing"


def _facts(details: dict[str, Any]) -> str:
    """Return the sentence in which a job says what came of it, or else each name with its value."""
    for name in ("error", "sentence"):
        if isinstance(details.get(name), str):
            return str(details[name])
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in details.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else ", ".join(value) if isinstance(value, list) else str(value)


def _cells(entry: Entry) -> tuple[object, ...]:
    commit = entry.commit
    return (
        entry.id,
        entry.at.isoformat(timespec="milliseconds"),
        entry.person,
        entry.act,
        entry.pool,
        entry.class_name,
        commit and commit.review_id,
        commit and commit.page_id,
        commit and commit.id,
        entry.job_id,
        commit and commit.counts.accepted,
        commit and commit.counts.rejected,
        commit and commit.counts.unsure,
        None if commit is None else "yes" if commit.undone_at else "no",
        commit and commit.undone_by,
        json.dumps(entry.details, ensure_ascii=False) if entry.details else None,
    )


class _Echo:
    """A file whose write hands the text back instead of keeping it."""

    def write(self, text: str) -> str:
        return text
