"""Prediction and slopes of `prediction.predict`, for one point.

What the shapes make of a point's signal is in its `bends`, (1 + M, bins): the signal at pulls of
zero, then the coefficients of every monomial. Monomials are summed two at a time.
"""

from gridscan.statistics.compiled.machine import njit
from gridscan.statistics.compiled.steps import HELPER, INLINE, add, combine


@njit(**INLINE)
def _monomials(pulls, problem, powers):
    """One, and every monomial, at the pulls."""
    for m in range(len(problem.parent)):
        powers[1 + m] = powers[problem.parent[m]] * pulls[problem.factor[m]]


@njit(**INLINE)
def _shaped_background(j, problem, powers, shifted):
    """Component j at the pulls that bend it, into `shifted`."""
    components, background, last = problem.components, problem.background, len(problem.first) - 1
    for b in range(components.shape[1]):
        shifted[j, b] = components[j, b]
    for e in range(problem.first[last, 1 + j, 0], problem.first[last, 1 + j, 1], 2):
        m, n, x, y = _two(e, problem, powers)
        for b in range(components.shape[1]):
            shifted[j, b] += x * background[m, j, b] + y * background[n, j, b]


@njit(**INLINE)
def _two(e, problem, powers):
    """Two monomials, and how their coefficients count: see `ShapedProblem.first`."""
    x = problem.times[e] * powers[problem.lower[e]]
    y = problem.times[e + 1] * powers[problem.lower[e + 1]]
    return problem.monomial[e], problem.monomial[e + 1], x, y


@njit(**HELPER, forceinline=True)
def predict(pulls, problem, room):
    """μ at the pulls; the signal (part, scale) and components (shifted, scales) it is made of."""
    mu, part, scale = room.mu, room.part, room.scale
    shifted, scales = room.shifted, room.scales
    linear, on_components = len(problem.on_components), problem.on_components
    _monomials(pulls, problem, room.powers)
    for b in range(len(part)):
        part[b] = 0
    add(part, room.bends, room.powers)
    combine(scale, room.one, problem.on_signal, pulls)
    for b in range(len(mu)):
        mu[b] = scale[b] * part[b]
    for j in range(len(problem.components)):
        _shaped_background(j, problem, room.powers, shifted)
        scales[j] = 1.0
        for k in range(linear):
            scales[j] += pulls[k] * on_components[k, j]
        share = scales[j]
        for b in range(len(mu)):
            mu[b] += share * shifted[j, b]


@njit(**INLINE)
def slopes(problem, room):
    """∂μ/∂pulls, where `predict` was last."""
    _slopes_of_linear(room.slope, problem.on_signal, room.part, problem.on_components, room.shifted)
    _slopes_of_shapes(room.slope, problem, room)


@njit(**INLINE)
def _slopes_of_linear(slope, on_signal, part, on_components, shifted):
    """∂μ/∂α, where `predict` was last, of what α scales."""
    for k in range(len(on_components)):
        for b in range(len(part)):
            slope[k, b] = on_signal[k, b] * part[b]
        for j in range(len(shifted)):
            share = on_components[k, j]
            if share != 0:
                for b in range(len(part)):
                    slope[k, b] += share * shifted[j, b]


@njit(**INLINE)
def _slopes_of_shapes(slope, problem, room):
    """∂μ/∂pull, where `predict` was last, of what monomials bend."""
    linear, pulls = len(problem.on_components), len(problem.first) - 1
    for k in range(pulls):
        if k >= linear:
            for b in range(len(room.scale)):
                slope[k, b] = 0.0
        _slopes_of_signal(k, slope, problem, room.bends, room.scale, room.powers)
        _slopes_of_components(k, slope, problem, room.scales, room.powers)


@njit(**INLINE)
def _slopes_of_signal(k, slope, problem, bends, scale, powers):
    for e in range(problem.first[k, 0, 0], problem.first[k, 0, 1], 2):
        m, n, x, y = _two(e, problem, powers)
        for b in range(len(scale)):
            slope[k, b] += scale[b] * (x * bends[1 + m, b] + y * bends[1 + n, b])


@njit(**INLINE)
def _slopes_of_components(k, slope, problem, scales, powers):
    background = problem.background
    for j in range(len(scales)):
        for e in range(problem.first[k, 1 + j, 0], problem.first[k, 1 + j, 1], 2):
            m, n, x, y = _two(e, problem, powers)
            x, y = x * scales[j], y * scales[j]
            for b in range(slope.shape[1]):
                slope[k, b] += x * background[m, j, b] + y * background[n, j, b]
