"""Questions to a cube of χ²: the accessor ds.gridscan and its parts.

accessor → ds.gridscan      regions → thresholds, intervals, contours      limits → bounds, tables
combine → sums of cubes      origin → the study that a cube carries
"""
