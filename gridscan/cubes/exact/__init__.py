"""Answers that do not depend on the grid: it says where to look, exact evaluation where it is.

Everything here is in units of the ranges of axes, each in its own scale, from 0 to 1. `function`
is χ² of a cube there, whose minima `gridscan.statistics.search` finds,
`profile` minimises over some axes at values of others, `line` and `plane` find where that crosses
a level.
"""
