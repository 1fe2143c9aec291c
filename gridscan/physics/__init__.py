"""Formulas to expected counts. Knows nothing of statistics, grids, storage or dask."""
