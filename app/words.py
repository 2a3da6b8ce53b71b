"""The few words that database, API and pages share to the letter."""

from typing import Literal

VerdictValue = Literal["accept", "reject", "unsure"]

ACCEPT: Literal["accept"] = "accept"
REJECT: Literal["reject"] = "reject"
UNSURE: Literal["unsure"] = "unsure"
VERDICTS = (ACCEPT, REJECT, UNSURE)

# What a verdict rests on: the image was seen, or one of its near-duplicates, or a random sample of its lot.
Basis = Literal["seen", "stack", "sample"]
SEEN: Literal["seen"] = "seen"
STACK: Literal["stack"] = "stack"
SAMPLE: Literal["sample"] = "sample"

# What a page shows: the best of the order, a place deeper in it, images like one of them, a sample of a lot, or
# accepted images once more.
PageKind = Literal["next", "deeper", "like", "sample", "second"]
NEXT: Literal["next"] = "next"
DEEPER: Literal["deeper"] = "deeper"
LIKE: Literal["like"] = "like"
SECOND: Literal["second"] = "second"

# Whether a review looks for images of a class, or once more at those that others accepted.
ReviewKind = Literal["first", "second"]
FIRST: Literal["first"] = "first"

# What the verdicts of several people on one image amount to.
Rule = Literal["latest", "first", "majority", "lead"]
LATEST: Literal["latest"] = "latest"
MAJORITY: Literal["majority"] = "majority"
LEAD: Literal["lead"] = "lead"

# The value of a label while the rule wants more verdicts.
OPEN: Literal["open"] = "open"

# The kind of a commit by which a lead says what holds, whatever anybody's verdicts amount to.
SETTLEMENT: Literal["settlement"] = "settlement"

# What somebody may do in a pool: label; also settle and manage classes; also import, train, reindex and export.
Role = Literal["annotator", "lead", "engineer"]

# What a commit is, and what the journal calls the act that stored it.
CommitKind = Literal["page", "lot", "correction", "settlement", "import"]

# Everything that the journal may say that somebody did.
Act = Literal[
    CommitKind,
    "undo",
    "make-pool", "rename-pool", "make-class", "rename-class", "merge", "unmerge", "rule", "role",
    "ask-import", "ask-reindex", "ask-compare", "ask-pretrain",
    "stop-import", "stop-reindex", "stop-compare", "stop-pretrain",
    "resume-import", "resume-reindex", "resume-compare", "resume-pretrain",
    "end-import", "end-reindex", "end-compare", "end-pretrain",
    "serve", "remove-index", "export",
    "log-in", "log-out", "add-person", "remove-person", "admin", "password", "token", "revoke-token",
]  # fmt: skip

# Acts of a person that belong to no pool, and that the engineers of a pool may read of its members.
LOG_IN_ACTS: tuple[Act, ...] = ("log-in", "log-out")

QUEUED: Literal["queued"] = "queued"
RUNNING: Literal["running"] = "running"
DONE: Literal["done"] = "done"
FAILED: Literal["failed"] = "failed"
STOPPED: Literal["stopped"] = "stopped"
