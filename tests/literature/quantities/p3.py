"""Denton, Farzan, Shoemaker, arXiv:1804.03660: CsI 2017 and a reactor.

Masses of LMA-Dark follow at 95 %, one degree of freedom, above the least χ² of the plane, which is
zero. At 90 % the mass at x = 0 would be 14.3 MeV, with two degrees of freedom 22.4 MeV; above the
standard model's χ² 23.8 MeV, and 55.4 MeV for the least over x. Masses of 29.4 to 31.9 MeV are
excluded as well, by 0.3 in χ².
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


QUANTITIES = {
    **{f"p3_ee_{i + 1}": lambda i=i: p3_edge("ee", i) for i in range(4)},
    **{f"p3_mumu_{i + 1}": lambda i=i: p3_edge("mumu", i) for i in range(4)},
    **{f"p3_etau_{i + 1}": lambda i=i: p3_edge("etau", i) for i in range(2)},
    "p3_chi2": lambda: float(along(("coherent-csi-p3",), ("eps_ee_u",), -0.1, 0.1)["chi2"][600]),
    "p3_lma_dark": lambda: heaviest(lma_dark().min("x")),
    "p3_lma_dark_x0": lambda: heaviest(lma_dark().sel(x=0, method="nearest", tolerance=1e-9)),
    "p3_conus_si": lambda: conus("si"),
    "p3_conus_ge": lambda: conus("ge"),
}
