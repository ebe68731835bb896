#!/usr/bin/env python3
"""Writes calibration.json: what numpy and scikit-learn say about made-up confidences.

    pip install numpy scipy scikit-learn && python3 make_calibration.py

Binned errors follow three published definitions: Guo et al. 2017 (equal width, bins closed above, as scikit-learn's
calibration_curve), numpy.histogram and netcal (closed below), Nixon et al. 2019 (equal mass).
"""

import json
import pathlib
import warnings

import numpy as np
from scipy.optimize import brentq
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

BINS = 10


def gaps(groups):
    return [(len(p), p.mean(), y.mean()) for p, y in groups if len(p)]


def by_edges(p, y, side):
    edges = np.linspace(0.0, 1.0, BINS + 1)
    index = np.searchsorted(edges[1:-1], p, side=side)
    return gaps([(p[index == b], y[index == b]) for b in range(BINS)])


def by_mass(p, y):
    order = np.argsort(p, kind="stable")
    return gaps(zip(np.array_split(p[order], BINS), np.array_split(y[order], BINS)))


def ece(bins, count):
    return sum(n * abs(acc - conf) for n, conf, acc in bins) / count


def figures(p, y):
    high, low, mass = by_edges(p, y, "left"), by_edges(p, y, "right"), by_mass(p, y)
    # The first two definitions against the libraries that have them.
    accuracy, confidence = calibration_curve(y, p, n_bins=BINS, strategy="uniform")
    assert np.allclose([b[2] for b in high], accuracy) and np.allclose([b[1] for b in high], confidence)
    counts, _ = np.histogram(p, bins=np.linspace(0.0, 1.0, BINS + 1))
    assert [b[0] for b in low] == [int(c) for c in counts if c]
    return {
        "ece": ece(high, len(p)),
        "ece_low_closed": ece(low, len(p)),
        "ece_equal_mass": ece(mass, len(p)),
        "mce": max(abs(acc - conf) for _, conf, acc in high),
        "ace": float(np.mean([abs(acc - conf) for _, conf, acc in mass])),
        "brier": brier_score_loss(y, p),
        "nll": log_loss(y, p, labels=[0, 1]),
        "bins": high,
    }


def logit(p):
    eps = np.finfo(float).eps
    p = np.clip(p, eps, 1 - eps)
    return np.log(p / (1 - p))


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def temperature(z, y):
    slope = lambda inverse: float(np.sum(z * (sigmoid(z * inverse) - y)))
    low, high = 1 / 20.0, 1 / 0.05
    if slope(low) >= 0:
        return 20.0
    if slope(high) <= 0:
        return 0.05
    return 1.0 / brentq(slope, low, high, xtol=1e-16, rtol=8.9e-16, maxiter=1000)


def newton(rows, targets, ridge):
    """Ridge logistic regression with a free intercept, to the last bit that f64 gives."""
    design = np.hstack([rows, np.ones((len(rows), 1))])
    penalty = np.diag([ridge] * rows.shape[1] + [0.0])
    w = np.zeros(design.shape[1])
    for _ in range(100):
        p = sigmoid(design @ w)
        gradient = design.T @ (p - targets) + penalty @ w
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + penalty
        w = w - np.linalg.solve(hessian, gradient)
    assert np.abs(gradient).max() < 1e-10
    return w


def platt_targets(y):
    positive, negative = y.sum(), len(y) - y.sum()
    return np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))


def case(name, p, y, rng):
    p, y = np.asarray(p, float), np.asarray(y, int)
    z = logit(p)
    grid = np.linspace(0, 1, 41)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, y)
    rows = rng.normal(size=(len(p), 3)) + y[:, None] * np.array([0.8, -0.4, 0.1])
    platt = newton(z[:, None], platt_targets(y), 0.0)
    ridge = newton(rows, y.astype(float), 1.0)
    if 0 < y.sum() < len(y):
        # The same optimum by scikit-learn's solver, as closely as that one goes.
        peer = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(rows, y)
        assert np.allclose(np.append(peer.coef_[0], peer.intercept_), ridge, atol=1e-7), name
    return {
        "name": name,
        "confidence": p.tolist(),
        "right": [bool(v) for v in y],
        "figures": figures(p, y),
        "temperature": temperature(z, y),
        "platt": platt.tolist(),
        "isotonic_at": grid.tolist(),
        "isotonic": isotonic.predict(grid).tolist(),
        "rows": rows.tolist(),
        "ridge": ridge.tolist(),
        "auc": float(roc_auc_score(y, p)) if 0 < y.sum() < len(y) else None,
    }


def main():
    rng = np.random.default_rng(7)
    cases = []
    for name, count, over in [("overconfident", 240, 0.4), ("underconfident", 97, 2.5), ("calibrated", 60, 1.0)]:
        p = rng.beta(4, 2, count)
        y = rng.random(count) < sigmoid(logit(p) * over)
        cases.append(case(name, p, y, rng))
    # Ties, bin edges, both ends.
    p = np.round(rng.random(120), 1)
    cases.append(case("on the edges", p, rng.random(120) < p, rng))
    p = np.repeat([0.0, 1.0, 0.5], 20)
    cases.append(case("three values", p, rng.random(60) < 0.6, rng))
    cases.append(case("separable", np.linspace(0.05, 0.95, 30), np.linspace(0.05, 0.95, 30) > 0.5, rng))
    path = pathlib.Path(__file__).with_name("calibration.json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes")


main()
