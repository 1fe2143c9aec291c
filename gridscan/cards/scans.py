"""The card of a scan: a model, experiments, and the axes of the grid."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import MaxLen, MinLen
from pydantic import Field, field_validator, model_validator

from gridscan.cards import explained
from gridscan.cards.axes import Axis
from gridscan.cards.base import Card, CardError, suggest
from gridscan.cards.inputs import Described
from gridscan.schema import BINS, DIMENSIONS, VARIABLES
from gridscan.statistics import STATISTICS, significance
from gridscan.statistics.statistic import Statistic

Setting = bool | float | str | list[Any] | dict[str, Any]
"""A value for a coupling (a number) or for an entry of a card: whatever stands there."""


MOST_AXES = 24
"""Arrays have so many dimensions, with some of their own besides."""


Level = Annotated[float, Field(gt=0, lt=1)]
"""A confidence level."""

MOST_TOYS = 100_000
"""Of a point, beyond which a number is taken for a mistake."""

MOST_REFINED = 6
"""Axes of several values that a refined grid may have."""


def _step(entry: Mapping[str, Any], path: str) -> tuple[str, str]:
    """The key of an entry that a path starts with, which may have dots itself, and the rest."""
    known = [key for key in entry if f"{path}.".startswith(f"{key}.")]
    key = max(known, key=len, default=path.partition(".")[0])
    return key, path.removeprefix(key).removeprefix(".")


def _told(path: str, value: Any) -> str:
    """A change in a title."""
    return (
        "refined"
        if (path, value) == ("refine", {})
        else (f"{path.removeprefix('axes.')} = {_short(value)}")
    )


def _short(value: Any) -> str:
    """A value in a title: long ones by the hash that tells them apart."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= TITLE_CHARS:
        return text.strip('"')
    return f"{text[: TITLE_CHARS - 12]}… {hashlib.sha256(text.encode()).hexdigest()[:8]}"


TITLE_CHARS = 40
"""Length of a value in the title of a changed scan."""

RESERVED = frozenset(
    {*DIMENSIONS, *VARIABLES, *BINS.values()}
    | {"interval", "bound", "vertex", "axis", "lower", "upper", "zarr.json", "manifest.json"}
)
"""Names that a cube, its store, or what is asked of it needs for itself."""

NAME = re.compile(r"(?!.*\.partial\Z)[A-Za-z][\w.+-]{0,99}", re.ASCII | re.IGNORECASE)
"""Names of axes: those of folders on any file system; what ends so is not complete."""


class Refine(Card):
    """A grid that is fine only where χ² crosses a level, or is least.

    Axes have as many equal steps as make each no longer than twice the `accuracy`, a part of the
    axis in its own scale: no line is farther from the middle of a step that it crosses. Up to 32
    steps of the card are cut into parts; more are, in their place, just as many as it takes. Axes
    that list their values, or have shorter steps, stay as they are. Of this grid those points
    are computed between which χ² may cross what `dof` parameters allow at the confidence levels
    `cl`, and those around minima; of the others bounds are written.
    """

    cl: Annotated[tuple[Level, ...], MinLen(1)] = (0.6827, 0.9)
    dof: Annotated[int, Field(ge=1, le=MOST_AXES)] = 2
    accuracy: Annotated[float, Field(ge=1e-5, le=0.5)] = 0.002


class Significance(Card):
    """Of which data a scan of significances tells, and what is new in it.

    toys: how many at each point, the mean of which is told; with none, the significance is that of
    the counts that the point itself expects. Toys follow from the seed and their number alone. At
    the null hypothesis the axes of `signal` are at the standard model, by default all that set
    couplings; others stay where they are.
    """

    toys: Annotated[int, Field(ge=0, le=MOST_TOYS)] = 0
    seed: Annotated[int, Field(ge=0)] = 1
    signal: tuple[str, ...] = ()


class Scan(Described):
    """A grid of a statistic: `axes` are its dimensions, `fixed` sets everything else."""

    model: str
    experiments: Annotated[tuple[str, ...], MinLen(1)]
    conventions: str
    axes: Annotated[dict[str, Axis], MaxLen(MOST_AXES)] = {}
    fixed: dict[str, Setting] = {}
    statistic: str = "chi2"
    save: tuple[Literal["pulls", "counts"], ...] = ()
    refine: Refine | None = None
    significance: Significance | None = None

    LATER: ClassVar = ("refine", "significance")

    @field_validator("statistic")
    @classmethod
    def _known(cls, statistic: str) -> str:
        if statistic not in STATISTICS:
            raise ValueError(f"found {statistic!r}; allowed: {', '.join(STATISTICS)}")
        return statistic

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The scan with entries replaced, validated again. Raises CardError.

        A change is an entry of the card by its path ("axes.eps_ee_u.num", "experiments"), or any
        other name: a coupling or a path into the inputs, which is then fixed.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        for path, value in changes.items():
            first, _, deeper = path.partition(".")
            # "conventions" alone names another card; with a key it is a path into the one named
            into_inputs = first == "conventions" and deeper
            if into_inputs or first not in type(self).model_fields:
                content.setdefault("fixed", {})[path] = value
                continue
            entry, key, rest = content, *_step(content, path)
            while rest:
                entry = entry.setdefault(key, {})
                if not isinstance(entry, dict):
                    raise CardError(f"{path}: no such entry in a scan card")
                key, rest = _step(entry, rest)
            entry[key] = value
        if not changes:
            return self
        try:
            card = type(self).validated(content)
        except CardError as error:
            raise CardError(explained.changed(changes, "", str(error))) from None
        if "title" in changes or card == self:
            return card
        return card.model_copy(update={"title": self._title_of(card, changes)})

    def _title_of(self, card: "Scan", changes: Mapping[str, Any]) -> str:
        """A title of what was changed: of other experiments, model or axes, none of the old words.

        The other changes follow, those of a range by their axis alone.
        """
        subject = ("experiments", "model", "axes")
        same = all(tuple(getattr(self, key)) == tuple(getattr(card, key)) for key in subject)
        title = self.title if same else card.subject()
        # in one order: which was changed first is no content
        rest = sorted(path for path in changes if same or path not in subject)
        told = [_told(path, changes[path]) for path in rest]
        return f"{title} [{'; '.join(told)}]" if told else title

    def subject(self) -> str:
        """Experiments, axes and model, as a title."""
        of = f": {' × '.join(self.axes)}" if self.axes else ""
        return f"{' + '.join(self.experiments)}{of} ({self.model})"

    @model_validator(mode="after")
    def _names_are_usable(self):
        seen = {name.casefold(): name for name in RESERVED}
        for name in self.axes:
            # not all file systems tell letters from capitals
            other = seen.setdefault(name.casefold(), name) if name not in RESERVED else name
            if other != name:
                raise ValueError(f"axes: {name!r} cannot name an axis beside {other!r}")
            if name in RESERVED or not NAME.fullmatch(name):
                raise ValueError(
                    f"axes: {name!r} cannot name an axis; allowed: up to 100 letters, digits, "
                    f"_ . + -, no end in .partial, and none of {', '.join(sorted(RESERVED))}"
                )
        for key in ("experiments", "save"):
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                raise ValueError(f"{key}: an entry is given twice")
        return self

    @model_validator(mode="after")
    def _can_be_refined(self):
        if self.refine is None:
            return self
        sizes = {name: len(values) for name, values in self.points().items()}
        if all(axis.num is None for axis in self.axes.values()):
            raise ValueError("refine: found no axis with start, stop and num; allowed: one or more")
        if (long := sum(size > 1 for size in sizes.values())) > MOST_REFINED:
            raise ValueError(f"refine: found {long} axes; allowed: up to {MOST_REFINED}")
        if self.statistic != "chi2":
            raise ValueError(f"refine: found statistic {self.statistic!r}; allowed: 'chi2'")
        return self

    @model_validator(mode="after")
    def _significances_are_asked(self):
        asked, statistic = self.significance, self.statistic
        if asked is not None and statistic != "significance":
            raise ValueError(
                f"significance: found with statistic {statistic!r}; allowed: 'significance'"
            )
        if statistic == "significance" and "pulls" in self.save:
            raise ValueError("save: found 'pulls' with a significance; allowed: 'counts'")
        for name in asked.signal if asked else ():
            if name not in self.axes:
                raise ValueError(
                    f"significance.signal: unknown axis {name!r}; {suggest(name, self.axes)}"
                )
        return self

    def points(self) -> dict[str, np.ndarray]:
        """Values along every axis of the grid, as fine as it may get."""
        if self.refine is None:
            return {name: axis.points() for name, axis in self.axes.items()}
        accuracy = self.refine.accuracy
        return {name: axis.points(axis.steps(accuracy)) for name, axis in self.axes.items()}

    @property
    def said(self) -> Statistic:
        """What is said of every point."""
        asked = self.significance
        return significance.of(asked.toys, asked.seed) if asked else STATISTICS[self.statistic]

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """What each axis sets or multiplies."""
        return {name: (*axis.sets, *axis.multiplies) or (name,) for name, axis in self.axes.items()}
