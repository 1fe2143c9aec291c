"""Pictures. The only package that imports matplotlib; it knows labelled arrays, not cubes or cards.

style → fonts, colours, pages, saving      cube → the quick look at a cube
layers → what the panels of a figure are drawn with      published → lines and bands of others
"""

from gridscan.plots.cube import curve, regions
from gridscan.plots.style import frame, label, legend, new_axes, page, save, title

__all__ = ["curve", "frame", "label", "legend", "new_axes", "page", "regions", "save", "title"]
