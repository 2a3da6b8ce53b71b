"""Passwords as they are kept in earnest."""

from __future__ import annotations

import re
import subprocess
import sys


def test_a_password_is_kept_as_an_argon2_hash_that_costs_much_to_try() -> None:
    # In a process of its own, for in this one passwords cost little.
    program = (
        "from app.identity.secrets import hashed, is_password; kept = hashed('a correct horse'); "
        "print(kept, is_password('a correct horse', kept), is_password('a false horse', kept))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    kept, right, wrong = told.split()
    cost = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=", kept)
    assert cost is not None
    memory_kib, rounds = map(int, cost.groups())
    assert memory_kib * rounds >= 3 * 2**16
    assert (right, wrong) == ("True", "False")
