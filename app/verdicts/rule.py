"""What the verdicts of several people on an image amount to. Pure: no database, no web.

Why each rule says what it says: docs/decisions/0018-several-people.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.words import ACCEPT, FIRST, LATEST, LEAD, MAJORITY, OPEN, REJECT, UNSURE, Rule

_NAMES: dict[Rule, str] = {LATEST: "latest wins", FIRST: "first wins", LEAD: "a lead decides"}


class Given(NamedTuple):
    """A verdict that has not been undone."""

    id: int  # verdicts are numbered in the order they were given
    image_id: int
    class_id: int
    value: str
    person_id: int
    settles: bool = False  # a lead's last word, which counts as nobody's own verdict


class PoolRule(NamedTuple):
    """How a pool turns verdicts into labels."""

    rule: Rule
    majority_of: int | None  # how many people have to look, under “majority”
    one_class_per_image: bool

    @property
    def wants_several(self) -> bool:
        """Whether what one person says is no label yet."""
        return self.rule == MAJORITY and (self.majority_of or 1) > 1

    @property
    def named(self) -> str:
        """What people call it."""
        return named(self.rule, self.majority_of)


def named(rule: Rule, majority_of: int | None) -> str:
    """Return what people call a rule, to stand in a sentence."""
    return f"a majority of {majority_of}" if rule == MAJORITY else _NAMES[rule]


class InForce(NamedTuple):
    """What holds of an image for a class."""

    verdict: Given  # that the label rests on; of an open label the latest
    value: str  # the verdict's own, or “open” while the rule wants more
    disputed: bool  # people differ, and nobody has settled it since


class _Said(NamedTuple):
    """What was said of one image, sorted out."""

    own: dict[int, list[Given]]  # by class: the latest verdict of each person, whoever judged it first in front
    settled: dict[int, Given]  # by class: the latest settlement
    final: Given | None  # with one class per image, the settlement that says which it is

    def overruled(self, given: Given) -> bool:
        """Whether an acceptance has been settled away since."""
        settlement = self.settled.get(given.class_id)
        return settlement is not None and settlement.id > given.id and settlement.value != ACCEPT


def in_force(verdicts: Iterable[Given], pool: PoolRule) -> dict[tuple[int, int], InForce]:
    """Return what holds for each (class id, image id), in whatever order the verdicts come.

    Each person's latest verdict counts as theirs. A settlement is final under every rule, until a later one. Where
    nothing is settled, `latest` takes the latest verdict of anybody, `first` that of whoever judged the image first,
    `majority` what most people say once enough have looked or more than half of them agree, and `lead` what all say,
    unsure ones aside. What these leave open is “open”. With one class per image at most one acceptance holds; what it
    displaces has no entry.
    """
    by_image: dict[int, list[Given]] = {}
    for verdict in sorted(verdicts):
        by_image.setdefault(verdict.image_id, []).append(verdict)
    return {
        (class_id, image_id): label
        for image_id, given in by_image.items()
        for class_id, label in _labels(given, pool).items()
    }


def own_verdicts(verdicts: Iterable[Given]) -> list[Given]:
    """Return each person's latest verdict on each image and class, and the settlements, as they were given."""
    ordered = sorted(verdicts)
    own = {(given.image_id, given.class_id, given.person_id): given for given in ordered if not given.settles}
    return sorted([*own.values(), *(given for given in ordered if given.settles)])


def _labels(given: Sequence[Given], pool: PoolRule) -> dict[int, InForce]:
    """Return what holds of one image for each class, of its verdicts in the order they were given."""
    if len(given) == 1:
        # Nearly all images, and what is below says the same of them in several times the time.
        waits = pool.wants_several and not given[0].settles
        return {given[0].class_id: InForce(given[0], OPEN if waits else given[0].value, disputed=False)}
    said = _sorted_out(given, one_class=pool.one_class_per_image)
    labels = {class_id: _by_rule(own, pool) for class_id, own in said.own.items() if own}
    if pool.rule == LATEST:
        # The latest verdict of anybody, also of somebody who has accepted the image for another class since.
        for verdict in given:
            before = labels.get(verdict.class_id)
            labels[verdict.class_id] = InForce(verdict, verdict.value, before is not None and before.disputed)
    for class_id, settlement in said.settled.items():
        labels[class_id] = InForce(settlement, settlement.value, _reopened(settlement, said.own.get(class_id, [])))
    return _one_of(labels, given, said, pool) if pool.one_class_per_image and len(labels) > 1 else labels


def _sorted_out(given: Sequence[Given], *, one_class: bool) -> _Said:
    latest: dict[int, dict[int, Given]] = {}
    for verdict in given:
        if not verdict.settles:
            latest.setdefault(verdict.class_id, {})[verdict.person_id] = verdict
    settled = {verdict.class_id: verdict for verdict in given if verdict.settles}
    final = max((verdict for verdict in settled.values() if one_class and verdict.value == ACCEPT), default=None)
    said = _Said({class_id: list(people.values()) for class_id, people in latest.items()}, settled, final)
    return _with_one_class_each(said) if one_class and (len(latest) > 1 or final) else said


def _with_one_class_each(said: _Said) -> _Said:
    """Leave each person the class that they accepted last, and nobody what the final word has displaced."""
    accepted = sorted(
        verdict
        for own in said.own.values()
        for verdict in own
        if verdict.value == ACCEPT and not said.overruled(verdict)
    )
    choice = {verdict.person_id: verdict for verdict in accepted}
    final = said.final

    def stays(verdict: Given) -> bool:
        if verdict.value != ACCEPT:
            return True
        displaced = final is not None and verdict.id < final.id and verdict.class_id != final.class_id
        return not displaced and choice.get(verdict.person_id, verdict) == verdict

    return said._replace(own={class_id: [*filter(stays, own)] for class_id, own in said.own.items()})


def _by_rule(own: Sequence[Given], pool: PoolRule) -> InForce:
    """Return what the people's own verdicts for one class amount to, where nothing is settled."""
    values = {verdict.value for verdict in own}
    differ = {ACCEPT, REJECT} <= values
    if pool.rule == FIRST:
        return InForce(own[0], own[0].value, differ)
    if pool.rule == MAJORITY:
        return _by_majority(own, pool.majority_of or 1, differ=differ)
    latest = max(own)
    if pool.rule == LEAD:
        if differ:
            return InForce(latest, OPEN, disputed=True)
        latest = max(verdict for verdict in own if verdict.value in (values - {UNSURE} or values))
    return InForce(latest, latest.value, differ)


def _by_majority(own: Sequence[Given], enough: int, *, differ: bool) -> InForce:
    (most, count), *others = Counter(verdict.value for verdict in own).most_common()
    tie = bool(others) and others[0][1] == count
    if tie or (len(own) < enough and 2 * count <= enough):
        return InForce(max(own), OPEN, differ or (tie and len(own) >= enough))
    return InForce(max(verdict for verdict in own if verdict.value == most), most, differ)


def _reopened(settlement: Given, own: Sequence[Given]) -> bool:
    """Whether somebody has contradicted a settlement since."""
    return any(verdict.id > settlement.id and verdict.value not in (UNSURE, settlement.value) for verdict in own)


def _one_of(labels: dict[int, InForce], given: Sequence[Given], said: _Said, pool: PoolRule) -> dict[int, InForce]:
    """Leave at most one acceptance of an image that people may have accepted for several classes."""
    accepted_for = {
        class_id
        for class_id, own in said.own.items()
        if any(verdict.value == ACCEPT and not said.overruled(verdict) for verdict in own)
    } | ({said.final.class_id} if said.final else set())
    if len(accepted_for) > 1:
        for class_id in accepted_for:
            label = labels[class_id]
            waits = pool.rule == LEAD and label.value == ACCEPT and class_id not in said.settled
            labels[class_id] = label._replace(value=OPEN if waits else label.value, disputed=True)
    accepted = [class_id for class_id, label in labels.items() if label.value == ACCEPT]
    if len(accepted) < 2:
        return labels
    chosen = _chosen(accepted, labels, given, said, pool)
    kept = {class_id: label for class_id, label in labels.items() if class_id not in accepted or class_id in chosen}
    for class_id in chosen if len(chosen) > 1 else []:
        kept[class_id] = labels[class_id]._replace(value=OPEN, disputed=True)
    return kept


def _chosen(
    accepted: Sequence[int], labels: dict[int, InForce], given: Sequence[Given], said: _Said, pool: PoolRule
) -> list[int]:
    """Return which of several accepted classes holds; more than one if the rule cannot tell."""
    if said.final:
        return [said.final.class_id]
    if pool.rule == FIRST:
        judges = {(class_id, labels[class_id].verdict.person_id) for class_id in accepted}
        return [next(verdict.class_id for verdict in given if (verdict.class_id, verdict.person_id) in judges)]
    if pool.rule == MAJORITY:
        votes = {class_id: sum(own.value == ACCEPT for own in said.own[class_id]) for class_id in accepted}
        return [class_id for class_id in accepted if votes[class_id] == max(votes.values())]
    return [max(accepted, key=lambda class_id: labels[class_id].verdict)]
