"""A kind of experiment of its own: events of one bin, a polynomial in couplings by its card."""

from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import xarray as xr

from gridscan.cards.measured import Measured
from gridscan.cards.nuisances import Nuisance
from gridscan.channels.channel import Channel
from gridscan.channels.contracts import Charges
from gridscan.channels.samples import Sample, labelled, norms


class Card(Measured):
    """events: of each product of couplings, as "eps_ee_u eps_ee_u"; "" is that of none."""

    kind: Literal["counting"]
    conventions: str
    target: str
    observed: float
    background: float
    events: dict[str, float]
    nuisances: dict[str, Nuisance] = {}
    REFERS = Measured.REFERS | {"target": "materials"}


@dataclass(frozen=True)
class Products(Charges):
    products: tuple[str, ...]
    columns = ("product",)
    size = property(lambda self: len(self.products))
    polynomial = property(lambda self: all(len(one.split()) <= 2 for one in self.products))

    def coefficients(self, theta):
        def product(names):
            return reduce(lambda a, b: a * theta.get(b, 0.0), names.split(), xr.DataArray(1.0))

        return xr.concat(xr.broadcast(*map(product, self.products)), "product")


@dataclass(frozen=True)
class Events:
    charges: Products
    each: tuple[float, ...]
    request = None
    template = property(lambda self: xr.DataArray(np.array(self.each), dims="product"))
    matrix = property(lambda self: np.array(self.each)[:, None])


def channel(inputs, name, truth, mediator_mev):
    card = inputs.experiments[name]
    signal = Events(Products(tuple(card.events)), tuple(card.events.values()))
    samples = {"signal": signal, "background": np.array([card.background])}
    nuisances = labelled(name, card)
    every = [Sample(one, counts, norms(nuisances, one)) for one, counts in samples.items()]
    observed = np.array([card.observed])
    return Channel(name, {}, every[0], (every[1],), nuisances, observed)
