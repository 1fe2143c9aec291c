"""Cubes and templates on disk. The only folder that imports zarr.

stores → a zarr store for each study      coordinates → its axes and labels
local → files and folders of this machine      cache → templates kept between processes
code → a hash of what numbers follow from
"""
