"""What becomes of nuisances in a fit, and what each does to the couplings: pulls and impacts.

The impact of a nuisance on a coupling is how far its best fit moves where the nuisance is held one
standard deviation of the fit above or below its own, all else fitted again (HistFactory's ranking:
ATLAS, CMS, ATL-PHYS-PUB-2011-11).
"""

import numpy as np
import xarray as xr

from gridscan.scans.axes import Axes
from gridscan.scans.ensembles import Place
from gridscan.statistics.fits import Fits
from gridscan.statistics.information import correlation, covariance

HELD = 1e-3
"""Error, in standard deviations of the fit, of the measurement that holds a nuisance."""

SIDES = ("down", "up")


def nuisances(place: Place) -> xr.Dataset:
    """Of every nuisance at the best fit of a study: what its place holds stays there.

    Returns value, prior (its σ, NaN of a free one), width (σ of the fit) and pull (value / prior)
    along nuisance, the correlation of nuisances and couplings (parameter, other), and impact
    (side, nuisance, coupling) in units of each coupling; best is where couplings are (coupling).
    Of couplings that data say nothing about to first order, widths and correlations are NaN.
    """
    best, _ = place.best()
    hypothesis, names = best.bounded.hypothesis, Axes.of(place.study).of_couplings
    pulls = best.pulls
    both = covariance(hypothesis, best.couplings, pulls)
    size = len(pulls)
    width = np.sqrt(np.diag(both)[:size])
    weights = hypothesis.weights
    prior = np.where(weights > 0, 1 / np.sqrt(np.where(weights > 0, weights, 1)), np.nan)
    labels = [*hypothesis.names, *names]
    return xr.Dataset(
        {
            "value": ("nuisance", pulls),
            "prior": ("nuisance", prior),
            "width": ("nuisance", width),
            "pull": ("nuisance", pulls / prior),
            "best": ("coupling", best.couplings),
            "correlation": (("parameter", "other"), correlation(both)),
            "impact": (("side", "nuisance", "coupling"), _impacts(best, pulls, width)),
        },
        {
            "nuisance": list(hypothesis.names),
            "coupling": list(names),
            "parameter": labels,
            "other": labels,
            "side": list(SIDES),
        },
    )


def _impacts(best: Place, pulls: np.ndarray, width: np.ndarray) -> np.ndarray:
    """(side, nuisance, coupling)"""
    found = np.full((2, len(pulls), len(best.couplings)), np.nan)
    for number in np.flatnonzero(np.isfinite(width)):
        for side, sign in enumerate((-1, 1)):
            value = pulls[number] + sign * width[number]
            moved = _fitted(best, pulls, int(number), value, HELD * width[number])
            found[side, number] = moved - best.couplings
    return found


def _fitted(best: Place, pulls: np.ndarray, number: int, value: float, sigma: float) -> np.ndarray:
    """The minimum next to the best fit where a nuisance has a value: couplings (d,)."""
    hypothesis, at = best.bounded.hypothesis.measuring(number, sigma)
    data = np.insert(best.fits.hypothesis.observed, at, value)
    start = np.concatenate([pulls, best.couplings])
    start[number] = value
    return Fits(hypothesis).least(data[None], start[None], most=0)[1][0]
