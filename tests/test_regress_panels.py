"""Panel regressions against R's clubSandwich and plm, Stata's xtscc, and refits by dummies."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from kpilab.evidence.regress.cr2 import inverse_root_times
from kpilab.evidence.regress.fixed_b import fixed_b_critical_value, fixed_b_p_value
from kpilab.evidence.regress.jackknife import half_panel_jackknife
from kpilab.evidence.regress.leave_out import leave_one_cluster_out
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panels import panel
from kpilab.evidence.regress.within import within
from tests.reference.random_panels import SEEDS, random_panel

REFERENCE = Path(__file__).parent / "reference"
SHARED = Path(__file__).parents[2] / "shared" / "reference"
CLUBSANDWICH = json.loads((REFERENCE / "panel_clubsandwich.json").read_text())
FROM_R = json.loads((REFERENCE / "random_panels.json").read_text())
EFFECTS = ("none", "unit", "period", "both")


def grunfeld() -> pd.DataFrame:
    """The ten firms of Grunfeld (1958) as statsmodels ships them."""
    data = sm.datasets.grunfeld.load_pandas().data[:200]
    table = data.rename(
        columns={"firm": "unit", "year": "period", "invest": "y", "value": "x1", "capital": "x2"}
    )
    return table.assign(region=table["unit"])


def unbalanced() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "panel_unbalanced.csv")


def dummies(table: pd.DataFrame, effects: str) -> np.ndarray:
    """Columns x1, x2 and all dummies, as a full-rank regression has them."""
    parts = [table[["x1", "x2"]].to_numpy(float), np.ones((len(table), 1))]
    for name in {"none": [], "unit": ["unit"], "period": ["period"], "both": ["unit", "period"]}[effects]:
        parts.append(pd.get_dummies(table[name], drop_first=True).to_numpy(float))
    return np.column_stack(parts)


def fitted(table: pd.DataFrame, effects: str, cov: str = "cluster", **options):
    return panel(table["y"], table[["x1", "x2"]], table["unit"], table["period"], effects, cov, **options)


@pytest.mark.parametrize("case", sorted(CLUBSANDWICH))
def test_cr2_matches_r_clubsandwich_on_all_dummies(case):
    table = grunfeld() if case.startswith("grunfeld") else unbalanced()
    cluster = table["region"] if "region" in case else None
    fit = fitted(table, case.split("_")[-1], "cr2", cluster=cluster)
    expected = CLUBSANDWICH[case]
    np.testing.assert_allclose(fit.estimate, expected["estimate"], rtol=1e-9)
    np.testing.assert_allclose(fit.std_error, expected["se"], rtol=1e-8)
    np.testing.assert_allclose(fit.df, expected["df"], rtol=1e-8)


@pytest.mark.parametrize("case", sorted(CLUBSANDWICH))
def test_cluster_is_r_cr0_times_statas_factor(case):
    table = grunfeld() if case.startswith("grunfeld") else unbalanced()
    cluster = table["region"] if "region" in case else None
    effects = case.split("_")[-1]
    fit = fitted(table, effects, cluster=cluster)
    n_periods = table["period"].nunique() if effects in ("period", "both") else 1
    groups = (table["unit"] if cluster is None else cluster).nunique()
    factor = groups / (groups - 1) * (len(table) - 1) / (len(table) - 2 - n_periods)
    np.testing.assert_allclose(
        fit.std_error, np.sqrt(factor) * np.array(CLUBSANDWICH[case]["cr0"]), rtol=1e-9
    )
    assert fit.df == groups - 1


@pytest.mark.parametrize(
    ("lags", "expected"), [(1, [0.00992764, 0.0452887]), (4, [0.013436016880473, 0.049308009933088])]
)
def test_driscoll_kraay_matches_stata_xtscc_pooled(lags, expected):
    fit = fitted(grunfeld(), "none", "driscoll_kraay", lags=lags)
    np.testing.assert_allclose(fit.std_error, expected, rtol=1e-6)


def test_cluster_matches_stata_pooled():
    np.testing.assert_allclose(fitted(grunfeld(), "none").std_error, [0.0158943365, 0.084967111], rtol=1e-6)


@pytest.mark.parametrize(
    ("effects", "lags", "expected"),
    [
        ("unit", 2, [0.0176860327180706, 0.0348201468737835]),
        ("unit", 4, [0.019582604218241, 0.0330158166830478]),
        ("both", 2, [0.0204363229480133, 0.0558105306258009]),
        ("both", 4, [0.0220019460973642, 0.0529491449046385]),
    ],
)
def test_driscoll_kraay_matches_r_plm_vcovscc(effects, lags, expected):
    fit = fitted(grunfeld(), effects, "driscoll_kraay", lags=lags)
    np.testing.assert_allclose(fit.std_error, expected, rtol=1e-6)


def test_driscoll_kraay_default_lags_at_20_periods():
    assert fitted(grunfeld(), "unit", "driscoll_kraay").lags == 2


@pytest.mark.skipif(not SHARED.exists(), reason="Petersen's data are GPL and not copied")
def test_cluster_matches_petersen():
    data = pd.read_csv(SHARED / "data" / "petersen_cl.csv")
    by_firm = panel(data["y"], data["x"], data["firm"], data["year"], "none")
    by_year = panel(data["y"], data["x"], data["year"], data["firm"], "none")
    np.testing.assert_allclose(by_firm.std_error, 0.0505957258840296, rtol=1e-9)
    np.testing.assert_allclose(by_year.std_error, 0.0333889134119265, rtol=1e-9)


@pytest.mark.parametrize("effects", EFFECTS)
def test_estimates_and_residuals_match_all_dummies(effects):
    table = unbalanced()
    fit = fitted(table, effects)
    reference = sm.OLS(table["y"].to_numpy(), dummies(table, effects)).fit()
    np.testing.assert_allclose(fit.estimate, reference.params[:2], rtol=1e-9)
    np.testing.assert_allclose(fit.residuals, reference.resid, atol=1e-10)


def test_weights_match_weighted_least_squares_with_all_dummies():
    table = unbalanced()
    weight = np.random.default_rng(1).uniform(0.5, 4, len(table))
    fit = fitted(table, "both", weights=weight)
    reference = sm.WLS(table["y"].to_numpy(), dummies(table, "both"), weights=weight).fit()
    np.testing.assert_allclose(fit.estimate, reference.params[:2], rtol=1e-9)
    clustered = reference.get_robustcov_results("cluster", groups=table["unit"], use_correction=False)
    n, groups = len(table), table["unit"].nunique()
    factor = groups / (groups - 1) * (n - 1) / (n - 2 - table["period"].nunique())
    np.testing.assert_allclose(fit.std_error, clustered.bse[:2] * np.sqrt(factor), rtol=1e-8)


def test_calendar_gap_counts_as_gap():
    table = grunfeld()
    table = table[table["period"] != 1944]
    closed_up = table.assign(period=table["period"].rank(method="dense"))
    gap = fitted(table, "unit", "driscoll_kraay", lags=2).std_error
    without = fitted(closed_up, "unit", "driscoll_kraay", lags=2).std_error
    assert np.all(np.abs(gap / without - 1) > 1e-4)
    months = pd.PeriodIndex.from_ordinals(table["period"].astype(int), freq="M")
    for labels in (months, months.to_timestamp(), months.to_timestamp(how="end")):
        dated = fitted(table.assign(period=labels), "unit", "driscoll_kraay", lags=2)
        np.testing.assert_allclose(dated.std_error, gap)


@pytest.mark.parametrize("b", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0])
def test_fixed_b_critical_values_match_kiefer_vogelsang_2005(b):
    polynomial = 1.96 + 2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3
    assert fixed_b_critical_value(b) == pytest.approx(polynomial, rel=0.02)
    at_ten = 1.6449 + 2.1859 * b + 0.3142 * b**2 - 0.3427 * b**3
    assert fixed_b_critical_value(b, 0.90) == pytest.approx(at_ten, rel=0.02)


def test_fixed_b_matches_kiefer_vogelsang_bunzel_2000_at_full_bandwidth():
    assert fixed_b_critical_value(1.0) == pytest.approx(4.771, rel=1e-3)


def test_fixed_b_matches_simulated_paths():
    rng, size, lags = np.random.default_rng(5), 200, 39
    noise = rng.normal(size=(4000, size))
    demeaned = noise - noise.mean(axis=1, keepdims=True)
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    kernel = np.maximum(0, 1 - distance / (lags + 1))
    variance = np.einsum("it,it->i", demeaned @ kernel, demeaned)
    statistic = np.abs(noise.sum(axis=1)) / np.sqrt(variance)
    assert np.mean(statistic > fixed_b_critical_value(0.2)) == pytest.approx(0.05, abs=0.011)


@pytest.mark.parametrize("b", [0.05, 0.15, 0.5])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99, 0.999])
def test_fixed_b_p_value_agrees_with_critical_value(b, confidence):
    critical = fixed_b_critical_value(b, confidence)
    assert fixed_b_p_value(critical, b) == pytest.approx(1 - confidence, rel=1e-8)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("cluster", [None, "region"])
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_cluster_out_matches_refits(effects, cluster, weighted):
    table = unbalanced()
    label = table["unit"] if cluster is None else table[cluster]
    weight = np.random.default_rng(3).uniform(1, 3, len(table)) if weighted else np.ones(len(table))
    fit = within(
        table["y"], table[["x1", "x2"]], table["unit"], table["period"], effects,
        cluster=label, weights=weight,
    )  # fmt: skip
    result = leave_one_cluster_out(fit)
    assert len(result.indispensable) == 0
    for label_out, estimate in zip(result.left_out, result.estimate, strict=True):
        rest = (label != label_out).to_numpy()
        again = fitted(table[rest], effects, weights=weight[rest])
        np.testing.assert_allclose(estimate, again.estimate, rtol=1e-8)


def test_leave_one_cluster_out_names_the_indispensable_cluster():
    table = unbalanced()
    table["x2"] = np.where(table["unit"] == 3, table["x2"], 0.0)
    fit = within(table["y"], table[["x1", "x2"]], table["unit"], table["period"], "both")
    assert leave_one_cluster_out(fit).indispensable.tolist() == [3]


def test_leave_one_cluster_out_drops_a_control_that_only_that_cluster_identifies():
    table = unbalanced()
    action = ((table["unit"] == 3) & (table["period"] >= 2008)).astype(float)
    fit = within(table["y"], table[["x1", "x2"]], table["unit"], table["period"], "both", controls=action)
    result = leave_one_cluster_out(fit)
    rest = table["unit"] != 3
    np.testing.assert_allclose(
        result.estimate[result.left_out == 3][0], fitted(table[rest], "both").estimate, rtol=1e-8
    )


def test_redundant_controls_are_left_out_and_change_nothing():
    table = unbalanced()
    control = np.random.default_rng(2).normal(size=len(table))
    redundant = np.column_stack([control, 2 * control, table["unit"] == 2, table["period"] == 2005])
    once = fitted(table, "both", controls=control)
    again = fitted(table, "both", controls=redundant)
    np.testing.assert_allclose(again.estimate, once.estimate, rtol=1e-9)
    np.testing.assert_allclose(again.std_error, once.std_error, rtol=1e-9)


def test_half_panel_jackknife_matches_its_definition_on_balanced_halves():
    table = grunfeld()
    first = table["period"] < 1945
    expected = 2 * fitted(table, "both").estimate
    expected = expected - (fitted(table[first], "both").estimate + fitted(table[~first], "both").estimate) / 2
    result = half_panel_jackknife(table["y"], table[["x1", "x2"]], table["unit"], table["period"])
    np.testing.assert_allclose(result.estimate, expected, rtol=1e-9)
    assert np.all((result.conf_low < result.estimate) & (result.estimate < result.conf_high))


def test_half_panel_jackknife_averages_both_splits_of_odd_lengths():
    table = grunfeld()
    table = table[table["period"] < 1954]
    expected = 2 * fitted(table, "unit").estimate
    for cut in (1944, 1945):
        for part in (table["period"] < cut, table["period"] >= cut):
            expected = expected - fitted(table[part], "unit").estimate / 4
    result = half_panel_jackknife(table["y"], table[["x1", "x2"]], table["unit"], table["period"], "unit")
    np.testing.assert_allclose(result.estimate, expected, rtol=1e-9)


def test_half_panel_jackknife_removes_most_of_nickells_bias():
    rng, units, periods = np.random.default_rng(7), 400, 20
    y = np.zeros((units, periods + 31))
    effect = rng.normal(size=units)
    for t in range(1, y.shape[1]):
        y[:, t] = effect + 0.6 * y[:, t - 1] + rng.normal(size=units)
    now, before = y[:, 31:].ravel(), y[:, 30:-1].ravel()
    unit, period = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    result = half_panel_jackknife(now, before, unit, period, "unit")
    assert abs(result.full_panel[0] - 0.6) > 0.06
    assert abs(result.estimate[0] - 0.6) < 0.025


def test_missing_rows_are_left_out_and_counted():
    table = grunfeld()
    table.loc[[3, 17], "x1"] = np.nan
    fit = fitted(table, "both")
    complete = fitted(table.dropna(), "both")
    assert (fit.n_obs, fit.n_missing, int(fit.used.sum())) == (198, 2, 198)
    np.testing.assert_allclose(fit.std_error, complete.std_error)


def test_singletons_are_left_out_and_counted():
    table = unbalanced()
    alone = table.iloc[[0]].assign(unit=99)
    with_alone = pd.concat([table, alone])
    fit = fitted(with_alone, "both")
    assert (fit.n_singletons, fit.n_clusters) == (1, 9)
    np.testing.assert_allclose(fit.std_error, fitted(table, "both").std_error)


def test_disjoint_periods_match_all_dummies():
    table = unbalanced()
    table.loc[table["unit"] > 5, "period"] += 100
    design = dummies(table, "both")
    expected = np.linalg.lstsq(design, table["y"].to_numpy(), rcond=None)[0][:2]
    np.testing.assert_allclose(fitted(table, "both").estimate, expected, rtol=1e-8)
    result = fitted(table, "both", "cr2")
    assert np.isfinite(result.df).all()


def test_row_order_does_not_matter():
    table = unbalanced()
    shuffled = table.sample(frac=1, random_state=4)
    np.testing.assert_allclose(fitted(table, "both", "cr2").df, fitted(shuffled, "both", "cr2").df)
    residuals = pd.Series(fitted(shuffled, "both").residuals, shuffled.index).sort_index()
    np.testing.assert_allclose(residuals, fitted(table, "both").residuals, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x1": 1.0}, "column 0 of X does not vary"),
        ({"y": 2.0}, "y does not vary"),
        ({"x2": lambda t: 3 * t["x1"] + t["period"]}, "column 1 of X is a linear combination"),
        ({"x2": lambda t: t["unit"] * 2.0 + t["period"]}, "column 1 of X does not vary beyond"),
        ({"y": lambda t: t["x1"] - t["x2"] + t["unit"]}, "identity"),
        ({"x1": np.nan}, "none of the"),
    ],
)
@pytest.mark.parametrize("cov", ["cluster", "cr2", "driscoll_kraay"])
def test_what_cannot_be_estimated_is_refused_with_a_sentence(change, message, cov):
    table = unbalanced().assign(**change)
    with pytest.raises(NotEstimable, match=message):
        fitted(table, "both", cov)


@pytest.mark.parametrize("cov", ["cluster", "cr2", "driscoll_kraay"])
def test_one_unit_with_both_effects_is_refused(cov):
    table = unbalanced()
    with pytest.raises(NotEstimable, match="none of the"):
        fitted(table[table["unit"] == 2], "both", cov)


def test_one_cluster_is_refused():
    table = unbalanced()
    with pytest.raises(NotEstimable, match="one cluster"):
        fitted(table[table["unit"] == 2], "none")


@pytest.mark.parametrize("cov", ["cluster", "cr2"])
def test_estimate_that_one_cluster_determines_is_refused(cov):
    table = unbalanced()
    x = np.where(table["unit"] == 3, table["x2"], 0.0)
    with pytest.raises(NotEstimable, match="one cluster alone"):
        panel(table["y"], x, table["unit"], table["period"], "unit", cov)


def test_two_periods_are_enough_or_refused():
    table = unbalanced()
    few = table[table["period"].isin([2006, 2007])]
    fit = fitted(few, "both")
    assert np.isfinite(fit.std_error).all()
    with pytest.raises(NotEstimable, match="too few"):
        fitted(few[few["unit"] < 4], "both")


@pytest.mark.parametrize(
    "options",
    [{"effects": "firm"}, {"cov": "hc3"}, {"confidence": 1.5}, {"cov": "driscoll_kraay", "lags": 99}],
)
def test_unknown_options_are_refused(options):
    table = unbalanced()
    with pytest.raises(ValueError, match="must"):
        panel(table["y"], table[["x1", "x2"]], table["unit"], table["period"], **options)


def test_cluster_intervals_cover_in_small_panels():
    rng, hits = np.random.default_rng(11), 0
    unit, period = np.repeat(np.arange(8), 24), np.tile(np.arange(24), 8)
    for _ in range(300):
        x = rng.normal(size=(8, 24)) * rng.uniform(0.5, 2, (8, 1)) + rng.normal(size=24)
        shock = rng.normal(size=(8, 24)) * rng.uniform(0.5, 2, (8, 1)) + rng.normal(size=24)
        fit = panel(shock.ravel(), x.ravel(), unit, period, "both", "cr2")
        hits += fit.conf_low[0] <= 0 <= fit.conf_high[0]
    assert hits / 300 > 0.915


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_panels_match_r(seed, effects):
    """Unsorted rows, gaps, missing values, a lonely unit, text labels, clusters above the units."""
    table, expected = random_panel(seed), FROM_R[f"{seed}_{effects}"]
    X = table[[name for name in table if name.startswith("x")]]

    def fit(cov, **options):
        return panel(table["y"], X, table["unit"], table["period"], effects, cov, **options)

    kraay = fit("driscoll_kraay", lags=2)
    np.testing.assert_allclose(kraay.estimate, np.atleast_1d(expected["estimate"]), rtol=1e-8)
    np.testing.assert_allclose(kraay.std_error, np.atleast_1d(expected["dk"]), rtol=1e-8)
    assert kraay.n_obs == expected["n_obs"]
    for cluster in ("unit", "region"):
        wanted, small = expected[cluster], fit("cr2", cluster=table[cluster])
        np.testing.assert_allclose(small.std_error, np.atleast_1d(wanted["se"]), rtol=1e-7)
        np.testing.assert_allclose(small.df, np.atleast_1d(wanted["df"]), rtol=1e-7)
        np.testing.assert_allclose(small.p_value, np.atleast_1d(wanted["p"]), rtol=1e-6)
        large = fit("cluster", cluster=table[cluster])
        counted = X.shape[1] + (large.n_periods if effects in ("period", "both") else 1)
        factor = large.n_clusters / (large.n_clusters - 1) * (large.n_obs - 1) / (large.n_obs - counted)
        np.testing.assert_allclose(large.std_error, factor**0.5 * np.atleast_1d(wanted["cr0"]), rtol=1e-8)


@pytest.mark.parametrize("rank", [3, 12, 20])
def test_inverse_root_is_that_of_the_eigenvalues(rank):
    """By definition, from the eigenvalues of I − L L', whichever of the two eigenproblems is smaller."""
    rng = np.random.default_rng(rank)
    loadings = np.linalg.qr(rng.normal(size=(20, 20)))[0][:, :12] @ rng.normal(size=(12, rank))
    loadings /= np.linalg.norm(loadings, 2)  # one direction is explained entirely
    values = rng.normal(size=(20, 2))
    value, vector = np.linalg.eigh(np.eye(20) - loadings @ loadings.T)
    root = np.array([v**-0.5 if v > 1e-8 else 0.0 for v in value])
    np.testing.assert_allclose(
        inverse_root_times(loadings, values), vector @ (root[:, None] * (vector.T @ values))
    )


@pytest.mark.parametrize("lags", [0, 1, 3])
def test_driscoll_kraay_counts_calendar_time_in_an_unbalanced_panel_with_a_gap(lags):
    """By definition: Bartlett-weighted sums of scores of the regression with all dummies."""
    rng = np.random.default_rng(1)
    unit, period = np.repeat(np.arange(9), 17), np.tile(np.arange(17), 9)
    X = rng.normal(size=(len(unit), 2))
    y = X @ [0.5, -0.2] + rng.normal(size=17)[period] + rng.normal(size=len(unit))
    kept = (rng.random(len(unit)) > 0.2) & (period != 5) & (period != 6)
    y, X, unit, period = y[kept], X[kept], unit[kept], period[kept]
    calendar = np.unique(period)
    dummies = [unit[:, None] == np.arange(9), period[:, None] == calendar[1:]]
    full = np.column_stack([X, *dummies]).astype(float)
    inverse = np.linalg.pinv(full)
    scores = inverse[:2] * (y - full @ (inverse @ y))
    sums = np.array([scores[:, period == when].sum(axis=1) for when in calendar])
    kernel = np.maximum(0.0, 1.0 - np.abs(calendar[:, None] - calendar) / (lags + 1))
    found = panel(y, X, unit, period, "both", "driscoll_kraay", lags)
    np.testing.assert_allclose(found.std_error, np.sqrt(np.diag(sums.T @ kernel @ sums)), rtol=1e-8)
