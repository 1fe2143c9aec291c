"""Physical constants. Natural units inside: energies in MeV, lengths in fm where needed.

Source: CODATA 2018 (P. Mohr, D. Newell, B. Taylor, E. Tiesinga, Rev. Mod. Phys. 93, 025010)
and the Review of Particle Physics (Particle Data Group, PTEP 2022, 083C01).
The weak mixing angle is a convention of each analysis, hence a card, not a constant.
"""

HBAR_C_MEV_FM = 197.3269804
HBAR_C_SQUARED_MEV2_CM2 = 3.893793721e-22
FERMI_CONSTANT_PER_MEV2 = 1.1663787e-11

ELECTRON_MASS_MEV = 0.51099895
MUON_MASS_MEV = 105.6583755
CHARGED_PION_MASS_MEV = 139.57039
PROTON_MASS_MEV = 938.272088
NEUTRON_MASS_MEV = 939.565421
ATOMIC_MASS_UNIT_MEV = 931.49410242
Z_MASS_MEV = 91187.6

CHARGED_PION_LIFETIME_US = 26.03e-3
MUON_LIFETIME_US = 2196.98e-3

AVOGADRO_PER_MOL = 6.02214076e23

SECONDS_PER_DAY = 86400.0
BECQUEREL_PER_CURIE = 3.7e10
