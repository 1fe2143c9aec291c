"""Pictures. The only package that imports matplotlib; it knows labelled arrays, not cubes or cards.

style → fonts, pages, saving      colours → what tells cubes apart
cube → cubes on one Axes      entries → their legend      corner → all pairs of axes
panels → what the panels of a figure are drawn with      overlays → lines and bands of others
inference → pulls and impacts, bands of expected limits
"""

from gridscan.plots.corner import corner_page, finish, ordered, panels_of
from gridscan.plots.cube import bounds, curve, regions
from gridscan.plots.entries import Shown, entries, next_look
from gridscan.plots.inference import band, impacts
from gridscan.plots.style import frame, label, legend, new_axes, page, save, title

__all__ = [
    "Shown",
    "band",
    "bounds",
    "corner_page",
    "curve",
    "entries",
    "finish",
    "frame",
    "impacts",
    "label",
    "legend",
    "new_axes",
    "next_look",
    "ordered",
    "page",
    "panels_of",
    "regions",
    "save",
    "title",
]
