"""What an experiment expects and observes: cards and templates to a likelihood.

signals → templates × couplings      expansion → counts on a grid as a matrix product
samples → counts of a process, and what modifies them      channel → samples, data, variance
modifiers → nuisances of channels together      likelihood → channels with nuisances in common
combination → experiments that share no nuisance, profiled apart
"""
