"""A study mapped over the grid of its axes. The only folder that imports dask.

blocks → axes cut into blocks      evaluation → the one function of a block
lazy → a dataset that computes what you touch      runs → a cube on disk, resumable
function → χ² at any points      plans → what it will cost
verification → is it right      workers → where blocks are computed
"""
