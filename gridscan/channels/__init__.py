"""What an experiment expects and observes: cards and templates to a likelihood.

signals → templates × couplings      expansion → counts on a grid as a matrix product
modifiers → nuisances of experiments together      likelihood → counts, data, nuisances to χ²
combination → experiments that share no nuisance, profiled apart
"""
