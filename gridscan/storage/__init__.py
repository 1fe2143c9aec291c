"""Cubes and templates on disk. The only folder that imports zarr.

stores → a zarr store for each study: opening, chunks, reading      coordinates → its axes and labels
guard, metadata → nothing but plain files and what gridscan writes      damage → what is wrong
manifest → the hash of every file of a complete cube
local → files and folders of this machine      cache → templates kept between processes
code → a hash of what numbers follow from
"""
