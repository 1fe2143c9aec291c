"""Cubes and templates on disk. The only folder that imports zarr.

stores → a zarr store for each study      coordinates → its axes and labels
opening, chunks, reading → its metadata, its blocks, its numbers
guard, metadata → nothing but plain files and what gridscan writes      damage → what is wrong
manifest → the hash of every file of a complete cube
parts → blocks as files that travel      local → files and folders of this machine
cache → templates kept between processes      code → a hash of what numbers follow from
"""
