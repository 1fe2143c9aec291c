"""Kinds of channels: what is made of each kind of experiment."""

from typing import Protocol

from gridscan.cards.inputs import Conventions
from gridscan.cards.kinds import SCATTERING
from gridscan.cards.resolved import Inputs
from gridscan.channels import scattering
from gridscan.channels.channel import Channel
from gridscan.physics.plugins import Family


class Made(Protocol):
    def __call__(
        self, inputs: Inputs, name: str, truth: Conventions | None, mediator_mev: float | None
    ) -> Channel:
        """The channel of an experiment. Nothing is integrated yet.

        truth: conventions of a forecast; mediator_mev: mass of a light mediator. Default: those
        of the inputs. Raises CardError for a model that says nothing here; the standard model
        says something everywhere.
        """


CHANNELS: Family[Made] = Family(
    "gridscan.channels", {SCATTERING: scattering.channel}, part="channel"
)


def channel_of(
    inputs: Inputs,
    name: str,
    truth: Conventions | None = None,
    mediator_mev: float | None = None,
) -> Channel:
    """The channel of an experiment of any kind: see `Made`."""
    return CHANNELS[inputs.experiments[name].kind](inputs, name, truth, mediator_mev)
