"""How tests/nusquids-earth.csv was made: python -m tests.nusquids > tests/nusquids-earth.csv.

Needs `pip install nusquids`, of which there are builds for Python 3.11 and 3.12: hence a table, and
no test that runs it.
"""

import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from gridscan.cards.library import Library
from gridscan.physics.propagation.mixing import Mixing
from gridscan.physics.propagation.shells import Shells

HEAD = """\
# Probabilities through the Earth by nuSQuIDS 1.13.3 (arXiv:2112.13804): its own integration, relative and absolute errors 1e-9
# PREM as in catalogs/sources/tables/earth-prem.csv at 4,000 radii and close to its jumps, radii in units of 6386 km (nuSQuIDS counts the atmosphere), nothing above 6371 km
# neutrinos made at 15 km, detector at the surface; oscillations of NuFIT 6.0 as in catalogs/conventions/nufit6.toml
# energies in MeV; what a neutrino of flavour `from` is at the detector
cos_zenith,antineutrino,from,energy_mev,e,mu,tau"""  # noqa: E501

HEIGHT_KM = 15.0
COSINES = (-1.0, -0.9, -0.5, -0.2)
ENERGIES_MEV = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def profile(shells: Shells) -> np.ndarray:
    """Radius as nuSQuIDS has it, g/cm³, electrons per nucleon: rows from the centre on."""
    near = np.array([-0.03, -0.02, -0.01, -0.001, 0.001, 0.01, 0.02, 0.03])
    jumps = np.add.outer(shells.outer_km, near).ravel()
    radius = np.unique([*np.linspace(0, shells.surface_km, 4000), *jumps, 6372, 6376, 6380, 6386])
    shell = np.minimum(np.searchsorted(shells.outer_km, radius), len(shells.outer_km) - 1)
    fraction = np.array(shells.electrons_per_nucleon)[shell]
    electrons = [shells.electrons(r, int(k)) for r, k in zip(radius, shell, strict=True)]
    density = np.where(radius > shells.surface_km, 0.0, electrons / fraction)
    return np.column_stack([radius / (shells.surface_km + HEIGHT_KM), density, fraction])


def probabilities(nsq, body, mixing: Mixing, cosine, antineutrino, start, energy_mev) -> list:
    """Of the three flavours at the detector."""
    kind = nsq.NeutrinoType.antineutrino if antineutrino else nsq.NeutrinoType.neutrino
    state = nsq.nuSQUIDS(3, kind)
    angles = mixing.theta12_deg, mixing.theta13_deg, mixing.theta23_deg
    for (i, j), angle in zip(((0, 1), (0, 2), (1, 2)), angles, strict=True):
        state.Set_MixingAngle(i, j, np.radians(angle))
    state.Set_SquareMassDifference(1, mixing.dm21_ev2)
    state.Set_SquareMassDifference(2, mixing.dm31_ev2)
    state.Set_CPPhase(0, 2, np.radians(mixing.delta_deg))
    state.Set_E(1e-3 * energy_mev * nsq.Const().GeV)
    state.Set_Body(body)
    state.Set_Track(body.MakeTrackWithCosine(cosine))
    state.Set_rel_error(1e-9)
    state.Set_abs_error(1e-9)
    state.Set_initial_state(np.eye(3)[start], nsq.Basis.flavor)
    state.EvolveState()
    return [state.EvalFlavor(k) for k in range(3)]


def main() -> None:
    import nuSQuIDS as nsq

    library = Library()
    shells = library.load("sources", "atmospheric-kamioka").propagation.shells
    mixing = library.load("conventions", "nufit6").oscillations
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "prem.dat"
        np.savetxt(table, profile(shells), fmt="%.10f")
        body = nsq.EarthAtm(str(table))
    body.SetAtmosphereHeight(HEIGHT_KM)
    print(HEAD)
    for cosine, antineutrino, start in product(COSINES, (0, 1), (0, 1)):
        for energy in ENERGIES_MEV:
            found = probabilities(nsq, body, mixing, cosine, antineutrino, start, energy)
            digits = ",".join(f"{one:.6f}" for one in found)
            print(f"{cosine:g},{antineutrino},{('e', 'mu')[start]},{energy:g},{digits}")


if __name__ == "__main__":
    main()
