"""Questions to a cube of χ²: the accessor ds.gridscan and its parts.

accessor → ds.gridscan      regions → thresholds, intervals, contours      limits → bounds, tables
limit_tables, rounding → limits of several cubes, as papers print them
tables, lines, hepdata → how they are written      combine → sums of cubes
origin → the study that a cube carries      overview → what it is, in a few lines
levels → what confidence levels are called      pictures → what is drawn of a cube
inference → toys, priors, nuisances: posteriors, bands of limits, calibrated (cubes of toys)
"""
