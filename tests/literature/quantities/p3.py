"""Denton, Farzan, Shoemaker, arXiv:1804.03660: CsI 2017 and a reactor.

The two counts are inferred from the least χ² of Figs. 1 and 4, 2.9, and from Table 2; χ² of the
standard model is then 3.54, 1.4σ for two counts, in the text 1.5σ. Masses of LMA-Dark follow at
95 %, one degree of freedom, above the least χ² of the plane, 0.0003 at 17.6 MeV and x = 0.96. With
two degrees of freedom the mass at x = 0 would be 22.0 MeV; at 90 % no mass would be left, nor the
standard model. With x to 2 in place of 3/2, Fig. 5 would have masses of 34 to 50 MeV allowed after
ten years.
"""

from functools import cache

import numpy as np
import xarray as xr

import gridscan
from gridscan.cubes.regions import crossings, threshold
from tests.literature.quantities.common import along


def p3_edge(flavours: str, edge: int) -> float:
    couplings = (f"eps_{flavours}_u", f"eps_{flavours}_d")
    cube = along(("coherent-csi-p3",), couplings, -0.3, 0.4)
    return float(cube.gridscan.intervals("eps", cl=0.9).values.ravel()[edge])


def heaviest(delta: xr.DataArray, cl: float = 0.95) -> float:
    """The mass in MeV above which everything is excluded, for Δχ² along masses; NaN without one."""
    mass, level = delta["m_zprime_mev"].values, threshold(cl, 1)
    edges = np.exp(crossings(np.log(mass), delta.values, level))
    return float(edges[-1]) if delta[-1] > level else float("nan")


def excluded_ranges(delta: xr.DataArray, cl: float = 0.95) -> int:
    """How many ranges of masses have Δχ² above the level."""
    above = (delta > threshold(cl, 1)).values
    return int(above[0]) + int((above[1:] & ~above[:-1]).sum())


@cache
def lma_dark() -> xr.DataArray:
    """Δχ² of LMA-Dark over (m_zprime_mev, x), above the least of the plane."""
    changes = {f"axes.m_zprime_mev.{key}": value
               for key, value in (("start", 5.0), ("stop", 200.0), ("num", 201))}  # fmt: skip
    return gridscan.scan("p3-fig2", changes).load().gridscan.delta()


def conus(material: str) -> float:
    """The lightest mediator in MeV that a reactor excludes at x = 0, σ_s = 0.1."""
    changes = {
        "experiments": [f"conus-{material}-p3"],
        "axes.m_zprime_mev": {"start": 0.1, "stop": 10.0, "num": 201, "scale": "log"},
        "axes.x": {"values": [0.0]},
    }
    return heaviest(gridscan.scan("p3-fig2", changes).load().gridscan.profile("m_zprime_mev"))


def least(scan: str, **changes) -> float:
    """The least χ² of a plane."""
    return float(gridscan.scan(scan, changes).load()["chi2"].min())


@cache
def ten_years() -> np.ndarray:
    """Masses in MeV where ten years begin or cease to exclude every x, 95 %."""
    cube = gridscan.scan("p3-fig5", {"axes.years.values": [10.0]}).load()
    chi2 = cube["chi2"].min("x").squeeze()
    return np.exp(crossings(np.log(chi2["m_zprime_mev"].values), chi2.values, threshold(0.95, 1)))


QUANTITIES = {
    **{f"p3_ee_{i + 1}": lambda i=i: p3_edge("ee", i) for i in range(4)},
    **{f"p3_mumu_{i + 1}": lambda i=i: p3_edge("mumu", i) for i in range(4)},
    **{f"p3_etau_{i + 1}": lambda i=i: p3_edge("etau", i) for i in range(2)},
    "p3_least_fig1": lambda: least("p3-fig1"),
    "p3_least_fig4": lambda: least("p3-fig4"),
    "p3_lma_dark": lambda: heaviest(lma_dark().min("x")),
    "p3_lma_dark_x0": lambda: heaviest(lma_dark().sel(x=0, method="nearest", tolerance=1e-9)),
    "p3_lma_dark_ranges": lambda: float(excluded_ranges(lma_dark().min("x"))),
    "p3_fig5_mass": lambda: float(ten_years()[-1]),
    "p3_fig5_ranges": lambda: float(len(ten_years())),
    "p3_conus_si": lambda: conus("si"),
    "p3_conus_ge": lambda: conus("ge"),
}
