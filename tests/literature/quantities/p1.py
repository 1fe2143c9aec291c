"""Miranda, Papoulias, Tórtola, Valle, arXiv:2002.01482: limits on the mass of a Z', Table 3.

χ and η shift the charges of proton and neutron in one direction, (1, 2). By the formulas of the
publication their limits from nuclei differ by √(2.332/1.360) = 1.309 in every column, as here;
the printed ones by 1.27 to 1.29. A scan that ends at 500 GeV, with Δχ²
counted from there, gives 1.28 to 1.29 and all printed limits of nuclei on χ and η to 2.5 GeV; for
⁵¹Cr, whose limits are near 500 GeV, it does not hold: 426 and 416 GeV.

The printed thresholds of germanium are read as energies of ionisation (CONUS, TEXONO: 0.62 keVnr).
As energies of recoils, CONUS would have 100,000 events and be the best reactor without systematics,
TEXONO 6,900. NUCLEUS with 10 g, 42 events a year, stays below TEXONO's 370; the statement is read
as of NUCLEUS with 1 kg. Open: 10 g have 69 events without a threshold, 84 with an efficiency of 1,
159 at the place of TEXONO; TEXONO has fewer than 42 only above 1.05 keVnr.
"""

from functools import cache

import xarray as xr

import gridscan
from tests.literature.quantities.common import standard_model

MODELS = {"chi": "e6-chi", "eta": "e6-eta", "psi": "e6-psi", "lr": "left-right"}
EXPERIMENTS = {
    "csi": "coherent-csi-2017-total",
    "lar": "coherent-lar-p1",
    "conus": "conus-p1",
    "connie": "connie-p1",
    "cr51a": "cr51-lxe-a",
}


@cache
def limits(model: str) -> xr.DataArray:
    """Lower limits on M_Z' in GeV of each experiment alone, 90 %; NaN where there is none."""
    changes = {"model": MODELS[model], "experiments": list(EXPERIMENTS.values())}
    cube = gridscan.scan("p1-table3", changes).load()
    return cube.gridscan.limits("m_zprime_gev", cl=0.9, by_experiment=True)["lower"]


REACTORS = (
    "conus-p1",
    "connie-p1",
    "red100-p1",
    "miner-p1",
    "ricochet-p1",
    "texono-p1",
    "nucleus-p1",
)


@cache
def without_systematics() -> xr.DataArray:
    """Limits on the model χ in GeV from each reactor, 90 %, as its systematics vanish."""
    changes = {"experiments": list(REACTORS)} | {
        f"{name}.nuisances.signal.sigma": 1e-4 for name in REACTORS
    }
    cube = gridscan.scan("p1-table3", changes).load()
    return cube.gridscan.limits("m_zprime_gev", cl=0.9, by_experiment=True)["lower"]


QUANTITIES = {
    **{
        f"p1_{model}_{column}": lambda m=model, e=experiment: float(limits(m).sel(experiment=e))
        for model in MODELS
        for column, experiment in EXPERIMENTS.items()
    },
    "p1_texono_events": lambda: standard_model("texono-p1"),
    "p1_best_reactor": lambda: float(without_systematics().idxmax("experiment") == "red100-p1"),
    "p1_worst_reactor": lambda: float(without_systematics().idxmin("experiment") == "texono-p1"),
}
