"""Neutrinos through the Sun and the Earth: what probabilities cost for many couplings.

python -m benchmarks.propagation prints seconds of one core, and of all threads by the clock, of

- the Sun: 1,000 ε × 500 energies, the production zone of boron-8 (at most 0.5 s);
- the Earth: 50 ε × 200 energies × 100 directions, half of them from below (at most 10 s).
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridscan.cards.library import Library
from gridscan.physics.couplings import nsi
from gridscan.physics.fluxes.species import Species, emitted
from gridscan.physics.propagation import Propagation
from gridscan.testing import COUPLINGS

THREADS = 2
DIRECTIONS = 100


def matter(number: int) -> xr.DataArray:
    eps = xr.DataArray(np.linspace(-0.2, 0.2, number), dims="eps")
    return nsi.in_matter({"eps_mutau_d": eps, "eps_ee_u": eps}, COUPLINGS)


def measured(way: Propagation, name: str, flavour: str, energies: np.ndarray, number: int) -> str:
    """Seconds of a core on one thread, and by the clock on THREADS."""
    source = emitted([Species(name, flavour, False)]).isel(species=[0] * len(energies))
    energy, felt = xr.DataArray(energies, dims="species"), matter(number)
    mixing = Library().load("conventions", "nufit6").oscillations

    def ask(part: slice) -> Any:
        return way.density(source, energy, felt.isel(eps=part), mixing)

    def parts() -> None:
        share = -(-number // THREADS)
        pieces = [slice(at, at + share) for at in range(0, number, share)]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(ask, pieces))

    core = least(lambda: ask(slice(None)), time.process_time)
    wall = least(parts, time.perf_counter)
    return f"{core:6.2f} s of a core, {wall:6.2f} s on {THREADS} threads"


def least(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    found = []
    for _ in range(3):
        began = clock()
        work()
        found.append(clock() - began)
    return min(found)


def main() -> None:
    sun = Library().load("sources", "solar-b16-gs98").propagation
    print("Sun,   1,000 ε × 500 energies:", end=" ", flush=True)
    print(measured(sun, "B8", "e", np.geomspace(0.1, 16.0, 500), 1000))
    earth = Library().load("sources", "atmospheric-kamioka").propagation
    panels = len(earth.edges) - 1
    earth = replace(earth, zeniths=-(-DIRECTIONS // panels))
    print(f"Earth, 50 ε × 200 energies × {panels * earth.zeniths} directions:", end=" ", flush=True)
    print(measured(earth, "atm_nu_mu", "mu", np.geomspace(13.0, 944.0, 200), 50))


if __name__ == "__main__":
    main()
