"""What resolved cards have to agree on: every check raises ValueError, in one line."""

from collections.abc import Mapping
from functools import lru_cache

from gridscan.cards.base import suggest
from gridscan.cards.experiments import PART, Experiment
from gridscan.cards.inputs import Conventions, Material, Model, Source
from gridscan.physics.detectors import fault
from gridscan.physics.rates import kinematic_limits
from gridscan.physics.targets import target


def names_tell_apart(cards: Mapping[str, Mapping]) -> None:
    """The name that starts a path is that of one card. cards: by their kind and name."""
    seen = {"conventions": "conventions"}
    for kind, named in cards.items():
        one = kind.removesuffix("s")
        for name in named:
            if name in seen:
                raise ValueError(
                    f"{one} {name!r}: found {seen[name]} of that name; "
                    f"allowed: names that tell cards apart in a path ({name}.…)"
                )
            seen[name] = f"a {one}"


def model_has_conventions(model: Model, conventions: Conventions) -> None:
    """Conventions have what the model's structure cannot do without."""
    for key in model.needs:
        if getattr(conventions, key) is None:
            raise ValueError(
                f"conventions.{key}: missing; the model's structure {model.structure!r} needs it"
            )


def experiment_fits(
    name: str,
    card: Experiment,
    sources: Mapping[str, Source],
    materials: Mapping[str, Material],
) -> None:
    """An experiment's source and material are there, and its source understands what it says."""
    for key, cards in (("source", sources), ("material", materials)):
        if getattr(card, key) not in cards:
            raise ValueError(f"{name}.{key}: {getattr(card, key)!r} is not at hand")
    source = sources[card.source]
    try:
        source.check(card.exposure)
    except ValueError as error:
        known = f"source {card.source!r}, {source.flux.kind}"
        raise ValueError(f"{name}.exposure.{error} ({known})") from None
    _species_are_known(name, card, source)
    recoils_are_seen(name, card, source, materials[card.material])


def _species_are_known(name: str, card: Experiment, source: Source) -> None:
    asked = [(key, PART + one) for key, n in card.nuisances.items() for one in n.of_source]
    known = [PART + one.name for one in source.flux.species()] if asked else []
    for key, component in asked:
        if component not in known:
            raise ValueError(
                f"{name}.nuisances.{key}.scales: unknown component {component!r}; "
                f"{suggest(component, known)}"
            )


def recoils_are_seen(name: str, card: Experiment, source: Source, material: Material) -> None:
    """Of every recoil that the source gives, some of its energy is seen, and of more not less."""
    quenching = card.response.quenching
    if quenching is None:
        return
    highest = _highest_recoil(source, material)
    if wrong := fault(quenching, highest):
        raise ValueError(
            f"{name}.response.quenching: {wrong}; allowed: from zero to the recoil, rising up to "
            f"{1e3 * highest:.4g} keVnr, the largest recoil of source {card.source!r}"
        )


@lru_cache(maxsize=64)
def _highest_recoil(source: Source, material: Material) -> float:
    """The largest recoil of a nucleus, MeV."""
    masses = target(material.nuclides, 1.0)["mass"].values
    return max(kinematic_limits(source.flux.species(), masses))


def shared_nuisances_agree(experiments: Mapping[str, Experiment]) -> None:
    """A nuisance that experiments share is of one kind and width."""
    sigmas: dict[str, float | str] = {}
    norms: dict[str, bool] = {}
    for name, card in experiments.items():
        for key, nuisance in card.nuisances.items():
            if not nuisance.shared:
                continue
            if norms.setdefault(key, nuisance.is_norm) != nuisance.is_norm:
                raise ValueError(
                    f"{name}.nuisances.{key}: shared by a norm of whole components and a "
                    "nuisance that bends or scales parts of one"
                )
            if sigmas.setdefault(key, nuisance.sigma) != nuisance.sigma:
                raise ValueError(
                    f"{name}.nuisances.{key}.sigma: found {nuisance.sigma}; "
                    f"allowed: {sigmas[key]}, as where else it is shared"
                )
