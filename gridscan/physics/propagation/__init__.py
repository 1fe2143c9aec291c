"""What happens to neutrinos between source and detector: density matrices in, density matrices out.

A way of propagation knows neither detector nor grid. Each module has

    density(emitted, energy_mev, theta)

emitted: components of ρ at the source, dims (species, pair), with a coordinate `antineutrino`
(`fluxes.species`); energy_mev: of each species, dims (species,), or None where all of its energies
travel alike; theta: couplings by name, numbers or arrays of dims of their own. It returns ρ at the
detector, dims (species, pair, *theta dims), of whatever pairs are filled there: Hermitian,
positive, of trace one or less (what is lost, or turned into what does not scatter).

Where ρ follows neither energy nor couplings, it is contracted with templates once and for all
(`templates.templates`): a source without oscillations pays nothing. Where it does, E stays: species
are resolved (`species.by_energy`), templates are T_{s,n,k,E,b} with a species at each energy
(`templates.by_species`), and `flavour.contracted` puts both together at every point:

    N_b(θ) = Σ_{s,E} Σ_p w_p ρ_{s,p}(E; θ) Σ_{n,k} C_{p,n,k}(θ) T_{s,n,k,E,b}

which is no polynomial in θ. A new way is a file here and a line in PROPAGATION;
`gridscan.testing.check_propagation` says whether it keeps this contract.
"""

from collections.abc import Sequence

import xarray as xr

from gridscan.physics.fluxes.species import Species, emitted
from gridscan.physics.propagation import none

PROPAGATION = {"none": none}


def arriving(species: Sequence[Species], way: str = "none") -> xr.DataArray:
    """Density matrices at the detector where no energy and no coupling moves them: dims (species,
    pair), of filled pairs alone.
    """
    return PROPAGATION[way].density(emitted(species), None, {})
