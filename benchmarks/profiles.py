"""Exact profiles beside iminuit's: python -m benchmarks.profiles PROBLEMS SEED.

Each problem is a random choice of two to four couplings on a random box, one of which is held at a
random value, while the others are minimised over: by the cube's answer, and by Minuit from several
random starts. Printed are how often Minuit was lower by more than 1e-6, where that is as soon as
it is found, and how often it stayed above. One in three has islands: a second minimum below 3σ.
"""

import sys
import time
from typing import Any

import numpy as np
from iminuit import Minuit

import gridscan
from gridscan.cubes.exact.answers import Answers

COUPLINGS = [f"eps_{pair}_{quark}" for pair in ("ee", "mumu", "emu") for quark in "ud"]
EXPERIMENTS = (
    ["coherent-csi-2021"],
    ["coherent-lar-2020"],
    ["coherent-csi-2021", "coherent-lar-2020"],
)
STARTS = 8
ABOVE = 1e-6
EVERY = 20
THREE_SIGMA = 9.0


def problem(pick: np.random.Generator) -> dict[str, Any]:
    """Changes of a scan card: which couplings, on which box, in which experiments."""
    names = pick.choice(COUPLINGS, pick.integers(2, 5), replace=False).tolist()
    axes = {
        name: {"start": -float(pick.uniform(0.1, 1)), "stop": float(pick.uniform(0.1, 1)), "num": 5}
        for name in names
    }
    return {"axes": axes, "experiments": EXPERIMENTS[pick.integers(len(EXPERIMENTS))]}


def minuit(answers: Answers, place: float, pick: np.random.Generator) -> float:
    """The least χ² with the first axis held, from several random starts."""
    others = len(answers.function.axes) - 1

    def chi2(point: np.ndarray) -> float:
        return float(answers.function(np.concatenate([[place], point])[None])[0])

    found = []
    for _ in range(STARTS):
        fit = Minuit(chi2, pick.random(others))
        fit.limits = [(0.0, 1.0)] * others
        fit.errordef, fit.tol = 1, 1e-4
        fit.migrad(ncall=2000)
        found.append(fit.fval)
    return float(min(found))


def main(number: int = 200, seed: int = 1) -> None:
    pick = np.random.default_rng(seed)
    above, below, islands, worst, seconds = 0, 0, 0, 0.0, [0.0, 0.0]
    for count in range(1, number + 1):
        changes = problem(pick)
        cube = gridscan.scan("csi-2021-ee-ud", changes).load()
        answers, place = Answers(cube), float(pick.random())
        began = time.perf_counter()
        exact = answers.profile([answers.function.names[0]], np.array([[place]]))[0] + answers.least
        seconds[0] += time.perf_counter() - began
        began = time.perf_counter()
        slow = minuit(answers, place, pick)
        seconds[1] += time.perf_counter() - began
        heights = answers.minima[:, -1] - answers.least
        islands += int((heights[1:] < THREE_SIGMA).any())
        worst = max(worst, exact - slow)
        above, below = above + (exact > slow + ABOVE), below + (slow > exact + ABOVE)
        if exact > slow + ABOVE:
            print(f"{count}: above by {exact - slow:.1e}, at {place} of {changes}", flush=True)
        if count % EVERY == 0:
            print(f"{count} problems: {above} above, {below} below", flush=True)
    print(f"{number} problems, {islands} with islands")
    print(f"exact above Minuit by more than {ABOVE:g}: {above}, at most by {worst:.1e}")
    print(f"Minuit above exact, the best of {STARTS} starts: {below}")
    print(f"seconds a problem: exact {seconds[0] / number:.2f}, Minuit {seconds[1] / number:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
