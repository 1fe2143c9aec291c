"""A study mapped over the grid of its axes. The only folder that imports dask.

axes → what each axis moves      blocks → a grid in blocks      evaluation → the one function of one
refined → a grid that is fine where it matters      computing → a block, whichever it is
checks, memory → what is refused      layout → what a cube is before anything is computed
lazy → a dataset that computes what you touch      runs → a cube on disk, resumable
function → χ² at any points      plans → what it will cost
stored → a store that is of its study      verification → is it right      repair → so that it is
threads, workers → where blocks are computed      apart → and how they get here from there
clients, clusters → schedulers and batch systems      teams → what workers have, and blocks for them
failures → what ends a run      progress → how far a run is
hypotheses, ensembles → toys at a point, drawn and fitted      feldman_cousins → at every point
toy_stores, toy_checks → kept beside a cube, and whether they are right
goodness, expected, nuisances → what else toys and fits say
"""
