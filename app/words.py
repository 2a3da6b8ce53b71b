"""The few words that database, API and pages share to the letter."""

from typing import Literal

VerdictValue = Literal["accept", "reject", "unsure"]

ACCEPT: Literal["accept"] = "accept"
REJECT: Literal["reject"] = "reject"
UNSURE: Literal["unsure"] = "unsure"
VERDICTS = (ACCEPT, REJECT, UNSURE)

QUEUED: Literal["queued"] = "queued"
RUNNING: Literal["running"] = "running"
DONE: Literal["done"] = "done"
FAILED: Literal["failed"] = "failed"
STOPPED: Literal["stopped"] = "stopped"
