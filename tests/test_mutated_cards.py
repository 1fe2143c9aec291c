"""Any card, changed anywhere: one line, or it works. The benchmark of that name makes thousands."""

from collections import Counter

from benchmarks.mutated_cards import GOOD, REFUSED, mutants

SEED = 11


def test_mutants_of_shipped_cards_are_refused_in_one_line_or_work():
    with mutants(SEED, work=False) as outcome:
        found = {i: outcome(i) for i in range(100)}
    wrong = {i: one for i, one in found.items() if one[0] not in (GOOD, REFUSED)}
    assert not wrong
    # mistakes, most of them, and some that are none
    assert min(Counter(told for told, _ in found.values()).values()) > 5
