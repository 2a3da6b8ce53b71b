"""Who may call what: the one table of all routes. An address that is not in it answers nobody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from starlette.routing import compile_path

from app.errors import Forbidden, NotFound
from app.identity.people import Asking, NotLoggedIn


class Who(Enum):
    """Who may call a route, in the words of the page of rights."""

    ANYONE = "anyone"
    LOGGED_IN = "whoever is logged in"
    IN_PERSON = "whoever is logged in, but no token"
    MEMBER = "members of the pool"
    BEGINNER = "whoever began the review"
    LEAD = "leads of the pool"
    ENGINEER = "engineers of the pool"
    LEAD_OR_ENGINEER = "leads and engineers of the pool"
    ANY_ENGINEER = "engineers of any pool"
    ADMIN = "admins"
    ADMIN_IN_PERSON = "admins, but no token"


class About(Enum):
    """What the first part of an address that varies names, by which its pool is found."""

    NOTHING = "nothing"
    POOL = "pool"  # by its name
    REVIEW = "review"
    PAGE = "page"
    LOT = "lot"
    JOB = "job"
    COMMIT = "commit"
    INDEX_VERSION = "index version"
    IMAGE = "image"  # by its SHA-256: all pools that hold it, or whose reviews start from it


# These are named by their number.
NUMBERED = frozenset({About.REVIEW, About.PAGE, About.LOT, About.JOB, About.COMMIT, About.INDEX_VERSION})


class Rule(NamedTuple):
    """One line of the table."""

    method: str
    path: str
    who: Who
    about: About = About.NOTHING


A, W = About, Who

RULES = (
    # First, for speed: a page asks for sixty of them.
    Rule("GET", "/api/v1/images/{id}/thumbnail", W.MEMBER, A.IMAGE),
    Rule("GET", "/static/{path:path}", W.ANYONE),
    Rule("GET", "/api/v1/health", W.ANYONE),
    Rule("GET", "/api/v1/health/live", W.ANYONE),
    Rule("GET", "/api/v1/health/ready", W.ANYONE),
    # It has a token of its own, and without one it answers this machine alone.
    Rule("GET", "/metrics", W.ANYONE),
    # People.
    Rule("GET", "/log-in", W.ANYONE),
    Rule("POST", "/log-in", W.ANYONE),
    Rule("POST", "/log-out", W.ANYONE),
    Rule("POST", "/api/v1/log-in", W.ANYONE),
    Rule("DELETE", "/api/v1/log-in", W.ANYONE),
    Rule("GET", "/api/v1/me", W.LOGGED_IN),
    Rule("PUT", "/api/v1/me/password", W.IN_PERSON),
    Rule("GET", "/api/v1/tokens", W.IN_PERSON),
    Rule("POST", "/api/v1/tokens", W.IN_PERSON),
    Rule("DELETE", "/api/v1/tokens/{id}", W.IN_PERSON),
    Rule("GET", "/api/v1/people", W.ADMIN),
    Rule("POST", "/api/v1/people", W.ADMIN_IN_PERSON),
    Rule("PATCH", "/api/v1/people/{person}", W.ADMIN_IN_PERSON),
    Rule("DELETE", "/api/v1/people/{person}", W.ADMIN_IN_PERSON),
    Rule("GET", "/api/v1/pools/{pool}/members", W.MEMBER, A.POOL),
    Rule("PUT", "/api/v1/pools/{pool}/members/{person}", W.ADMIN, A.POOL),
    Rule("DELETE", "/api/v1/pools/{pool}/members/{person}", W.ADMIN, A.POOL),
    Rule("GET", "/me", W.IN_PERSON),
    Rule("GET", "/people", W.ADMIN),
    Rule("GET", "/pools/{pool}/members", W.MEMBER, A.POOL),
    # Pools and their images. Lists hold what the person may see.
    Rule("GET", "/", W.LOGGED_IN),
    Rule("GET", "/docs", W.LOGGED_IN),
    Rule("GET", "/api/v1/openapi.json", W.LOGGED_IN),
    Rule("GET", "/api/v1/pools", W.LOGGED_IN),
    Rule("POST", "/api/v1/pools", W.ANY_ENGINEER),
    Rule("GET", "/pools/{pool}", W.MEMBER, A.POOL),
    Rule("GET", "/pools/{pool}/files", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}", W.MEMBER, A.POOL),
    Rule("PATCH", "/api/v1/pools/{pool}", W.LEAD_OR_ENGINEER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/classes", W.MEMBER, A.POOL),
    # An import makes classes too, of what its files say; so whoever imports may make them.
    Rule("POST", "/api/v1/pools/{pool}/classes", W.LEAD_OR_ENGINEER, A.POOL),
    Rule("PATCH", "/api/v1/pools/{pool}/classes/{class_name}", W.LEAD, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/classes/{class_name}/merge", W.LEAD, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/classes/{class_name}/merge", W.LEAD, A.POOL),
    Rule("DELETE", "/api/v1/pools/{pool}/classes/{class_name}/merge", W.LEAD, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/images", W.MEMBER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/thumbnails", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/unreadable", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/missing", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/images/{id}", W.MEMBER, A.IMAGE),
    Rule("GET", "/api/v1/images/{id}/file", W.MEMBER, A.IMAGE),
    # Long work, encoders, index versions.
    Rule("GET", "/jobs", W.LOGGED_IN),
    Rule("GET", "/jobs/{job}", W.MEMBER, A.JOB),
    Rule("GET", "/pools/{pool}/jobs", W.MEMBER, A.POOL),
    Rule("GET", "/pools/{pool}/encoders", W.ENGINEER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/imports", W.ENGINEER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/reindex", W.ENGINEER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/pretraining", W.ENGINEER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/comparisons", W.ENGINEER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/jobs", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/jobs/{id}", W.MEMBER, A.JOB),
    Rule("GET", "/api/v1/jobs/{id}/log", W.ENGINEER, A.JOB),
    Rule("DELETE", "/api/v1/jobs/{id}", W.ENGINEER, A.JOB),
    Rule("POST", "/api/v1/jobs/{id}/resume", W.ENGINEER, A.JOB),
    Rule("GET", "/api/v1/encoders", W.ANY_ENGINEER),
    Rule("GET", "/api/v1/pools/{pool}/index-versions", W.MEMBER, A.POOL),
    Rule("DELETE", "/api/v1/index-versions/{id}", W.ENGINEER, A.INDEX_VERSION),
    Rule("GET", "/api/v1/pools/{pool}/served", W.MEMBER, A.POOL),
    Rule("PUT", "/api/v1/pools/{pool}/served", W.ENGINEER, A.POOL),
    # Reviews. Two at work on one would be shown the same; what is stored, leads and engineers can take back as well.
    Rule("GET", "/reviews/{review}", W.MEMBER, A.REVIEW),
    Rule("GET", "/pages/{page_id}", W.MEMBER, A.PAGE),
    Rule("GET", "/api/v1/pools/{pool}/at-work", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/reviews", W.MEMBER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/reviews", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/reviews/{review_id}", W.MEMBER, A.REVIEW),
    Rule("PUT", "/api/v1/reviews/{review_id}/index-version", W.BEGINNER, A.REVIEW),
    Rule("GET", "/api/v1/reviews/{review_id}/outlook", W.MEMBER, A.REVIEW),
    Rule("POST", "/api/v1/reviews/{review_id}/pages", W.BEGINNER, A.REVIEW),
    Rule("GET", "/api/v1/pages/{page_id}", W.MEMBER, A.PAGE),
    Rule("POST", "/api/v1/pages/{page_id}/ahead", W.BEGINNER, A.PAGE),
    Rule("POST", "/api/v1/pages/{page_id}/lease", W.BEGINNER, A.PAGE),
    Rule("POST", "/api/v1/pages/{page_id}/commit", W.BEGINNER, A.PAGE),
    Rule("DELETE", "/api/v1/pages/{page_id}/commit", W.MEMBER, A.PAGE),
    Rule("POST", "/api/v1/reviews/{review_id}/lots", W.BEGINNER, A.REVIEW),
    Rule("GET", "/api/v1/lots/{lot_id}", W.MEMBER, A.LOT),
    Rule("POST", "/api/v1/lots/{lot_id}/pages", W.BEGINNER, A.LOT),
    Rule("POST", "/api/v1/lots/{lot_id}/commit", W.BEGINNER, A.LOT),
    Rule("DELETE", "/api/v1/lots/{lot_id}/commit", W.MEMBER, A.LOT),
    Rule("DELETE", "/api/v1/lots/{lot_id}", W.BEGINNER, A.LOT),
    # Labels.
    Rule("GET", "/pools/{pool}/classes/{class_name}", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/classes/{class_name}/images", W.MEMBER, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/classes/{class_name}/verdicts", W.MEMBER, A.POOL),
    Rule("DELETE", "/api/v1/commits/{commit_id}", W.MEMBER, A.COMMIT),
    Rule("GET", "/pools/{pool}/images/{image}", W.MEMBER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/images/{image}/why", W.MEMBER, A.POOL),
    # Several people's verdicts.
    Rule("GET", "/api/v1/pools/{pool}/rule", W.MEMBER, A.POOL),
    Rule("PUT", "/api/v1/pools/{pool}/rule", W.LEAD, A.POOL),
    Rule("GET", "/pools/{pool}/disagreements", W.LEAD, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/disagreements", W.LEAD, A.POOL),
    Rule("POST", "/api/v1/pools/{pool}/classes/{class_name}/settlements", W.LEAD, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/classes/{class_name}/agreement", W.LEAD, A.POOL),
    # The journal. What is in it of pools in which somebody is no engineer, they do not see.
    Rule("GET", "/journal", W.ADMIN),
    Rule("GET", "/api/v1/journal.csv", W.ADMIN),
    Rule("GET", "/pools/{pool}/journal", W.ENGINEER, A.POOL),
    Rule("GET", "/api/v1/pools/{pool}/journal.csv", W.ENGINEER, A.POOL),
    Rule("GET", "/api/v1/journal", W.ANY_ENGINEER),
    Rule("GET", "/api/v1/pools/{pool}/labels.csv", W.ENGINEER, A.POOL),
)


class NothingForYou(NotFound):
    """There is nothing here, or it belongs to a pool that you are no member of; an admin can make you one."""


class RoleTooLow(Forbidden):
    """Your role does not allow this."""


class NotYourReview(Forbidden):
    """Somebody else began this review, and only they go on with it; start one of your own from the pool's page."""


class NotByToken(Forbidden):
    """No token can do this; log in and do it yourself."""


@dataclass(frozen=True)
class Found:
    """A rule, and what its address names."""

    rule: Rule
    named: str  # the first part that varies; "" where none does

    @property
    def number(self) -> int | None:
        """The number that is named; None where it is not written as one, in up to eighteen digits."""
        plain = self.named.isdecimal() and self.named.isascii() and len(self.named) <= 18
        return int(self.named) if plain else None

    @property
    def nothing(self) -> bool:
        """Whether nothing can be there, as where a review is named that is no number."""
        return self.rule.about in NUMBERED and self.number is None


def rule_for(method: str, path: str) -> Found | None:
    """Return the rule for an address, below any prefix; None if nobody may call it."""
    wanted = "GET" if method == "HEAD" else method
    for rule, pattern in _COMPILED:
        if rule.method == wanted and (match := pattern.match(path)):
            return Found(rule, next(iter(match.groupdict().values()), ""))
    return None


def methods_of(path: str) -> list[str]:
    """Return the methods by which an address may be called by somebody."""
    return [rule.method for rule, pattern in _COMPILED if pattern.match(path)]


def check(found: Found, asking: Asking) -> None:
    """Let somebody through, or raise NotLoggedIn, NotByToken, NothingForYou, NotYourReview or RoleTooLow."""
    rule = found.rule
    who = rule.who
    if who is Who.ANYONE:
        return
    if asking.person is None:
        raise NotLoggedIn
    if who is Who.LOGGED_IN:
        return
    if who in {Who.IN_PERSON, Who.ADMIN_IN_PERSON} and asking.way == "token":
        raise NotByToken
    if who is Who.IN_PERSON:
        return
    # Routes read “+3” and “3.0” as 3, and would go on with a review of which the gate does not know whose it is.
    if found.nothing or (rule.about is not About.NOTHING and not asking.member):
        raise NothingForYou
    if who is Who.BEGINNER and not asking.began:
        raise NotYourReview
    if not _may(who, asking):
        raise RoleTooLow(f"Only {who.value} may do this. {_what_you_are(asking)}Ask an admin if you need to.")


def _may(who: Who, asking: Asking) -> bool:
    match who:
        case Who.MEMBER | Who.BEGINNER:
            return asking.member
        case Who.LEAD:
            return asking.lead
        case Who.ENGINEER | Who.ANY_ENGINEER:
            return asking.engineer
        case Who.LEAD_OR_ENGINEER:
            return asking.lead or asking.engineer
        case _:
            return asking.admin


def _what_you_are(asking: Asking) -> str:
    if asking.role is None:
        return ""
    article = "an" if asking.role[0] in "ae" else "a"
    return f"Your {'token' if asking.way == 'token' else 'role'} is that of {article} {asking.role}. "


# Starlette compiles its routes by the same function, so the table and the app read an address alike.
_COMPILED = tuple((rule, compile_path(rule.path)[0]) for rule in RULES)
