"""Cubes and templates on disk. The only folder that imports zarr.

stores → a zarr store for each study      coordinates → its axes and labels
local → folders of this machine      cache → templates kept between processes
"""
