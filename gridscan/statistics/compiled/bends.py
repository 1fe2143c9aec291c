"""Prediction and slopes of `prediction.predict`, for one point.

What the shapes make of a point's signal is in its `bends`, (1 + 2S, bins): the signal at β = 0,
its coefficients of every β, then of every β².
"""

from numba import njit

from gridscan.statistics.compiled.steps import HELPER, INLINE, add, combine


@njit(**INLINE)
def _shaped_signal(pulls, linear, shaped, bends, powers, part):
    """The signal at the shapes' pulls β: a sum of its `bends` with the powers 1, β and β²."""
    shapes = len(shaped)
    for i in range(shapes):
        beta = pulls[linear + i]
        powers[1 + i], powers[1 + shapes + i] = beta, beta * beta
    for b in range(len(part)):
        part[b] = 0
    add(part, bends, powers)


@njit(**INLINE)
def _shaped_background(pulls, linear, j, components, background, shaped, shifted):
    """Component j at the shapes' pulls, into `shifted`."""
    for b in range(components.shape[1]):
        shifted[j, b] = components[j, b]
    for i in range(len(shaped)):
        if shaped[i, j]:
            beta = pulls[linear + i]
            for b in range(components.shape[1]):
                first, second = background[0, i, j, b], background[1, i, j, b]
                shifted[j, b] += beta * (first + beta * second)


@njit(**HELPER, forceinline=True)
def predict(pulls, problem, room):
    """μ at the pulls; the signal (part, scale) and components (shifted, scales) it is made of."""
    mu, part, scale = room.mu, room.part, room.scale
    shifted, scales = room.shifted, room.scales
    linear, on_components, components = (
        len(problem.on_components),
        problem.on_components,
        problem.components,
    )
    _shaped_signal(pulls, linear, problem.shaped, room.bends, room.powers, part)
    combine(scale, room.one, problem.on_signal, pulls)
    for b in range(len(mu)):
        mu[b] = scale[b] * part[b]
    for j in range(len(components)):
        _shaped_background(
            pulls, linear, j, components, problem.background, problem.shaped, shifted
        )
        scales[j] = 1.0
        for k in range(linear):
            scales[j] += pulls[k] * on_components[k, j]
        share = scales[j]
        for b in range(len(mu)):
            mu[b] += share * shifted[j, b]


@njit(**INLINE)
def slopes(pulls, problem, room):
    """∂μ/∂pulls, where `predict` was last."""
    linear, slope, scales = len(problem.on_components), room.slope, room.scales
    _slopes_of_linear(
        slope, linear, problem.on_signal, room.part, problem.on_components, room.shifted
    )
    _slopes_of_shapes(
        slope, pulls, linear, room.bends, room.scale, problem.background, problem.shaped, scales
    )


@njit(**INLINE)
def _slopes_of_linear(slope, linear, on_signal, part, on_components, shifted):
    """∂μ/∂α, where `predict` was last."""
    for k in range(linear):
        for b in range(len(part)):
            slope[k, b] = on_signal[k, b] * part[b]
        for j in range(len(shifted)):
            share = on_components[k, j]
            if share != 0:
                for b in range(len(part)):
                    slope[k, b] += share * shifted[j, b]


@njit(**INLINE)
def _slopes_of_shapes(slope, pulls, linear, bends, scale, background, shaped, scales):
    """∂μ/∂β, where `predict` was last."""
    shapes, components = shaped.shape
    for i in range(shapes):
        twice = 2 * pulls[linear + i]
        for b in range(len(scale)):
            bend = bends[1 + i, b] + twice * bends[1 + shapes + i, b]
            slope[linear + i, b] = scale[b] * bend
        for j in range(components):
            if shaped[i, j]:
                share = scales[j]
                for b in range(len(scale)):
                    bend = background[0, i, j, b] + twice * background[1, i, j, b]
                    slope[linear + i, b] += share * bend
