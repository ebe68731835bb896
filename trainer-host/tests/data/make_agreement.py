"""Makes agreement.json and f_distribution.json: tables of ratings with the figures of the reference implementations.

Needs scikit-learn, statsmodels, krippendorff, pingouin, pandas and scipy. Run: python make_agreement.py
A figure that a reference calls NaN, or refuses, is null: `halligan-host data agreement` must say null, and why.
"""

import itertools
import json
import math
import warnings
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from scipy.stats import f as f_distribution
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

HERE = Path(__file__).parent
warnings.filterwarnings("ignore")
pingouin.options["round.column.CI95"] = None
# An F beyond this is the rounding of a variance that is zero.
F_MAX = 1e12
ICC_KEYS = ["ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"]


def finite(value):
    return float(value) if value is not None and math.isfinite(value) else None


def attempt(compute):
    try:
        return finite(compute())
    except (AssertionError, ValueError, ZeroDivisionError):
        return None


def cohen(table, weights):
    """Mean over the pairs of raters for which scikit-learn has a value, on the items that both rated."""
    # scikit-learn takes classes, not decimals: labels go by their places in order, which is all it uses.
    labels = sorted({label for row in table for label in row if label is not None})
    table = [[None if label is None else labels.index(label) for label in row] for row in table]
    kappas = []
    for first, second in itertools.combinations(range(len(table)), 2):
        both = [(a, b) for a, b in zip(table[first], table[second]) if a is not None and b is not None]
        if both:
            kappas.append(attempt(lambda: cohen_kappa_score(*zip(*both), weights=weights)))
    kappas = [kappa for kappa in kappas if kappa is not None]
    return sum(kappas) / len(kappas) if kappas else None


def fleiss(table, labels, method):
    counts = [[sum(row[item] == label for row in table) for label in labels] for item in range(len(table[0]))]
    counts = [row for row in counts if sum(row)]
    return attempt(lambda: fleiss_kappa(np.array(counts), method=method))


def alpha(table, labels, level):
    place = {label: at for at, label in enumerate(labels)}
    value = (lambda label: place[label]) if level == "nominal" else float
    cells = [[np.nan if label is None else value(label) for label in row] for row in table]
    return attempt(lambda: krippendorff.alpha(np.array(cells, dtype=float), level_of_measurement=level))


def icc(table):
    """pingouin's six forms; intervals of a table without remaining variance are null."""
    rows = [
        {"item": item, "rater": rater, "label": float(label)}
        for rater, row in enumerate(table)
        for item, label in enumerate(row)
        if all(other[item] is not None for other in table)
    ]
    frame = pd.DataFrame(rows)
    result = pingouin.intraclass_corr(frame, targets="item", raters="rater", ratings="label")
    forms = {"items": int(frame["item"].nunique()), "raters": len(table)}
    result.loc[result["F"] > F_MAX, "F"] = math.inf
    for key, (_, row) in zip(ICC_KEYS, result.iterrows()):
        forms[key] = {
            "icc": finite(row["ICC"]),
            "f": finite(row["F"]),
            "df1": float(row["df1"]),
            "df2": float(row["df2"]),
            "p": finite(row["pval"]),
            "ci95": [finite(end) for end in row["CI95"]],
        }
        if None in forms[key]["ci95"] or forms[key]["f"] is None:
            # Infinity over infinity; the limit is one point, unless the raters differ by a constant.
            shifted = frame.groupby("rater")["label"].mean().nunique() > 1
            point = forms[key]["f"] is None and not (shifted and key.startswith("ICC2"))
            forms[key]["ci95"] = [1.0, 1.0] if point else None
    return forms


def figures(table, numeric, with_icc):
    labels = sorted({label for row in table for label in row if label is not None}, key=float if numeric else str)
    expected = {
        "cohen_kappa_mean": cohen(table, None),
        "fleiss_kappa": fleiss(table, labels, "fleiss"),
        "randolph_kappa": fleiss(table, labels, "randolph"),
        "krippendorff_alpha_nominal": alpha(table, labels, "nominal"),
    }
    if numeric:
        number = [[None if label is None else float(label) for label in row] for row in table]
        expected["cohen_kappa_linear_mean"] = cohen(number, "linear")
        expected["cohen_kappa_quadratic_mean"] = cohen(number, "quadratic")
        expected["krippendorff_alpha_ordinal"] = alpha(table, labels, "ordinal")
        expected["krippendorff_alpha_interval"] = alpha(table, labels, "interval")
        expected["icc"] = icc(table) if with_icc else None
    return expected


def case(name, table, numeric, with_icc=False):
    """`table` holds one row of labels per rater, None where a rating is missing."""
    ratings = [
        (f"item {item}", f"rater {rater}", str(label))
        for rater, row in enumerate(table)
        for item, label in enumerate(row)
        if label is not None
    ]
    return {"name": name, "ratings": ratings, "expected": figures(table, numeric, with_icc)}


def random_table(generator, raters, items, labels, agreement, missing):
    truth = generator.integers(labels, size=items)
    table = []
    for _ in range(raters):
        own = np.where(generator.random(items) < agreement, truth, generator.integers(labels, size=items))
        gone = generator.random(items) < missing
        table.append([None if gone[item] else int(own[item]) + 1 for item in range(items)])
    return table


def cases():
    shrout = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    yield case("shrout-fleiss", shrout.T.tolist(), True, True)
    yield case("one label only", [[1] * 6] * 3, True)
    yield case("one label only, text", [["good"] * 4] * 2, False)
    yield case("one rater", [["a", "b", "a", "c"]], False)
    yield case("two items", [[1, 2], [1, 3], [2, 3]], True, True)
    yield case("one item", [[1], [2], [2]], True)
    yield case("raters agree fully", [[1, 2, 3, 4, 2]] * 3, True, True)
    yield case("raters disagree fully", [["a", "b"] * 4, ["b", "a"] * 4], False)
    yield case("constant shift", [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6]], True, True)
    yield case("one constant rater", [[1, 2, 3, 1, 2, 3], [2, 2, 2, 2, 2, 2], [1, 2, 3, 2, 2, 3]], True, True)
    yield case("no common item", [["a", "b", None, None], [None, None, "a", "b"]], False)
    yield case("labels with gaps", [[1, 5, 100, 5, 1, 100], [1, 5, 100, 100, 5, 5]], True, True)
    yield case("decimals", [[0.1, 0.7, 0.3, 0.9, 0.5], [0.2, 0.6, 0.3, 0.8, 0.5], [0.1, 0.7, 0.2, 1.0, 0.4]], True, True)
    generator = np.random.default_rng(5)
    for number in range(60):
        raters, items, labels = (int(generator.integers(*ends)) for ends in [(2, 6), (5, 25), (2, 7)])
        missing = [0.0, 0.0, 0.25][number % 3]
        agreement = float(generator.random())
        table = random_table(generator, raters, items, labels, agreement, missing)
        table = [row for row in zip(*table) if any(label is not None for label in row)]
        table = [list(row) for row in zip(*table)]
        complete = sum(all(label is not None for label in column) for column in zip(*table))
        if number % 4 == 3:
            words = [[None if label is None else "abcdefgh"[label] for label in row] for row in table]
            yield case(f"random {number}, text", words, False)
        else:
            yield case(f"random {number}", table, True, complete >= 3)


def f_cases():
    freedoms = [0.5, 1, 2, 3.7, 5, 10, 37.5, 100, 1000, 10000]
    for d1, d2 in itertools.product(freedoms, freedoms):
        back = f_distribution.ppf(0.975, d1, d2)
        for f in [0.1, 1.0, 3.0] if d1 == d2 else [2.0]:
            tail = f_distribution.sf(f, d1, d2)
            if tail > 1e-250 and math.isfinite(back):
                yield [d1, d2, f, tail, back]


def main():
    made = []
    for each in cases():
        icc_forms = each["expected"].get("icc")
        # Too few complete items, or nothing to compare: the figure is not defined and pingouin has none.
        if icc_forms and icc_forms["ICC1"]["icc"] is None:
            each["expected"]["icc"] = None
        made.append(each)
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in made)
    (HERE / "agreement.json").write_text(f"[\n{lines}\n]\n")
    (HERE / "f_distribution.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in f_cases()) + "\n]\n")


if __name__ == "__main__":
    main()
