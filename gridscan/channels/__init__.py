"""What an experiment expects and observes: cards and templates to a likelihood.

contracts → what follows couplings      expansion → counts on a grid as a matrix product
samples → counts of a process, and what modifies them      channel → samples, data, variance
kinds → which channel is made of which kind of experiment
  scattering → neutrinos in a detector: signals → templates × charges, recoils → templates,
  each of what its request says
theory → numbers that signals follow besides couplings and cards of experiments
modifiers → nuisances of channels together      likelihood → channels with nuisances in common
combination → experiments that share no nuisance, profiled apart
"""
