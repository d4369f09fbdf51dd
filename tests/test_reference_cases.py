"""Every case of the shared reference folder that a pinned function computes, to the tolerance stated there.

The folder is not part of the repository: some of its data are GPL and may not be copied. Put it at
`../shared/reference` beside the repository to run these; the cases whose data are plain fact are tested from
`tests/reference/` in the tests of each module as well.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from kpilab.evidence.regress import (
    benjamini_hochberg,
    detectable_effect,
    e_value,
    joint_lags,
    lp_profile,
    lp_window,
    panel,
    screen,
    sup_f,
)
from kpilab.evidence.regress.windows import lagged

SHARED = Path(__file__).parents[2] / "shared" / "reference"
pytestmark = pytest.mark.skipif(
    not (SHARED / "cases.json").exists(),
    reason="some reference data are GPL and not copied; put the reference folder at ../shared/reference",
)
RTOL = 1e-6


def figures(name):
    return json.loads(next(SHARED.glob(f"{name}_*.json")).read_text())


def table(name):
    return pd.read_csv(SHARED / "data" / f"{name}.csv")


def months(count):
    return np.tile(np.eye(12), (count // 12 + 1, 1))[:count, 1:]


@pytest.fixture
def grunfeld():
    return table("grunfeld_plm10").rename(columns={"firm": "unit", "year": "period", "inv": "y"})


def fitted(data, effects, cov="cluster", **options):
    return panel(data["y"], data[["value", "capital"]], data["unit"], data["period"], effects, cov, **options)


def listed(expected):
    return [expected[name] for name in ("value", "capital")]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("differences", [False, True])
def test_t01_chicken_and_egg(order, differences):
    series, name = table("chickegg")[["chicken", "egg"]].to_numpy(float), "{}_causes_{}_order{}"
    if differences:
        series, name = np.diff(series, axis=0), "diff_" + name
    found = screen(series, order)
    for cause, effect in ((1, 0), (0, 1)):
        ids = ("chicken", "egg")
        key = name.format(ids[cause], ids[effect], order)
        if key not in figures("T01"):
            continue
        expected = figures("T01")[key]
        assert_allclose(found.f_statistic[cause, effect], expected["F"], rtol=RTOL)
        assert_allclose(found.p_value[cause, effect], expected["p"], rtol=RTOL)
        one = joint_lags(series[:, effect], series[:, cause], order, augment=0, cov="classical")
        assert_allclose((one.statistic, one.p_value), (expected["F"], expected["p"]), rtol=RTOL)
        assert (one.df_num, one.df) == (expected["df_num"], expected["df_den"])


@pytest.mark.parametrize(("cause", "effect"), [(c, e) for c in range(3) for e in range(3) if c != e])
def test_t03_luetkepohl_each_equation(cause, effect):
    lines = (SHARED / "data" / "lutkepohl_e1.dat").read_text().splitlines()
    rows = [line.split() for line in lines]
    levels = np.array([row for row in rows if len(row) == 3 and row[0].replace(".", "").isdigit()], float)
    series = np.diff(np.log(levels[:76]), axis=0)[:75]  # 1960 Q2 to 1978 Q4
    names = ("invest", "income", "cons")
    expected = figures("T03")[f"eqn_{names[cause]}_to_{names[effect]}"]
    (third,) = {0, 1, 2} - {cause, effect}
    held = np.column_stack([lagged(series[:, third], lag) for lag in (1, 2)])
    found = joint_lags(series[:, effect], series[:, cause], 2, 0, controls=held, cov="classical")
    assert_allclose((found.statistic, found.p_value), (expected["F"], expected["p"]), rtol=RTOL)
    assert found.df == expected["df2"]


def test_t04_investment_by_panels_of_one_row_or_one_unit():
    """With a cluster per row the clustered error is HC1 and CR2 is HC2; one unit's Driscoll–Kraay is Newey–West."""
    data, expected = table("investment_greene").dropna(), figures("T04")
    y, X, rows = data["RealInv"], data[["RealGNP", "RealInt"]], np.arange(len(data))
    by_row = {cov: panel(y, X, rows, rows, "none", cov) for cov in ("cluster", "cr2")}
    newey_west = panel(y, X, np.zeros(len(data)), data["year"], "none", "driscoll_kraay", lags=4)
    for found, key in ((by_row["cluster"], "se_HC1"), (by_row["cr2"], "se_HC2"), (newey_west, "se_NW4")):
        assert_allclose(found.estimate, [expected["coef"][name] for name in X], rtol=RTOL)
        assert_allclose(found.std_error, [expected[key][name] for name in X], rtol=RTOL)


def test_t05_seat_belts_break():
    y = np.log10(table("seatbelts")["drivers"].to_numpy(float))
    found = sup_f(y[12:], np.column_stack([y[11:-1], y[:-12]]), trim=0.1)
    expected = figures("T05")
    assert_allclose((found.statistic, found.p_value), (expected["supF"], expected["supF_p"]), rtol=RTOL)


@pytest.mark.parametrize("cov", ["OLS", "HC2", "HC3"])
@pytest.mark.parametrize(
    "case",
    [
        "egg_to_chicken_a1_b3_p3",
        "chicken_to_egg_a1_b3_p3",
        "petrol_to_drivers_log_a1_b3_p2_monthdummies",
        "kms_to_drivers_log_a1_b3_p2_monthdummies",
    ],
)
def test_t13_lp_window(case, cov):
    cause, effect = case.split("_")[0], case.split("_")[2]
    if effect == "drivers":
        data = table("seatbelts")
        series = {"petrol": data["PetrolPrice"], "kms": data["kms"], "drivers": data["drivers"]}
        season = np.column_stack([months(192), data["law"]])  # 19 coefficients, as the case has
        found = lp_window(np.log(series[effect]), np.log(series[cause]), 1, 3, 2, season=season, cov=cov)
    else:
        data = table("chickegg")
        found = lp_window(data[effect], data[cause], 1, 3, 3, cov=cov)
    expected = figures("T13")[case]
    numbers = (
        found.estimate,
        found.std_error,
        found.statistic,
        found.p_value,
        found.conf_low,
        found.conf_high,
    )
    wanted = [expected["est"], *(expected[cov][key] for key in ("se", "t", "p", "lo", "hi"))]
    assert_allclose(numbers, wanted, rtol=RTOL)
    assert (found.n_obs, found.df) == (expected["n"], expected["df"])
    assert all(type(value) is float for value in (*numbers, found.df))


def test_t13_lp_profile():
    data = table("chickegg")
    found = lp_profile(data["chicken"], data["egg"], [1, 2, 3, 4], 3)
    for place, expected in enumerate(figures("T13")["egg_to_chicken_profile_p3"]):
        names = {"se": "std_error", "t": "statistic", "p": "p_value", "lo": "conf_low", "hi": "conf_high"}
        assert_allclose(found.estimate[place], expected["est"], rtol=RTOL)
        for key, name in names.items():
            assert_allclose(getattr(found, name)[place], expected["HC3"][key], rtol=RTOL)


@pytest.mark.parametrize("b", ["0.05", "0.1", "0.2", "0.3", "0.5"])
def test_t14_fixed_b_critical_values(b):
    """The interval's half width in standard errors is the critical value; forty periods, lags = 40 b − 1."""
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 200))
    unit, period = np.repeat(np.arange(5), 40), np.tile(np.arange(40), 5)
    found = panel(y, x, unit, period, "none", "driscoll_kraay", lags=round(40 * float(b)) - 1)
    critical = (found.conf_high - found.estimate) / found.std_error
    for expected in figures("T14")[b].values():
        assert_allclose(critical, expected, rtol=0.021)


def test_p01_grunfeld_estimates(grunfeld):
    expected = figures("P01")
    for effects, key in (("unit", "fe"), ("both", "twfe"), ("none", "pooled")):
        assert_allclose(fitted(grunfeld, effects).estimate, listed(expected[f"coef_{key}"]), rtol=RTOL)


@pytest.mark.parametrize(("effects", "key"), [("unit", "fe"), ("both", "tw"), ("none", "po")])
def test_p01_grunfeld_errors(grunfeld, effects, key):
    """Clustered as Arellano's HC0 times Stata's factor; Driscoll–Kraay as plm's vcovSCC."""
    expected = figures("P01")
    columns = {"fe": 3, "tw": 22, "po": 3}[key]
    factor = np.sqrt(10 / 9 * 199 / (200 - columns))
    arellano = np.array(listed(expected[f"{key}_se_arellano_HC0_group"]))
    assert_allclose(fitted(grunfeld, effects).std_error, factor * arellano, rtol=RTOL)
    for lags in (2, 4):
        found = fitted(grunfeld, effects, "driscoll_kraay", lags=lags)
        assert_allclose(found.std_error, listed(expected[f"{key}_se_SCC_HC0_maxlag{lags}"]), rtol=RTOL)
    default = fitted(grunfeld, effects, "driscoll_kraay")
    assert_allclose(default.std_error, listed(expected[f"{key}_se_SCC_HC0_default"]), rtol=RTOL)


def test_p04_petersen():
    data, expected = table("petersen_cl"), figures("P04")
    rows = np.arange(len(data))
    for cluster, other, key in (("firm", "year", "se_firm_HC1"), ("year", "firm", "se_year_HC1")):
        found = panel(data["y"], data["x"], data[cluster], data[other], "none")
        assert_allclose(found.estimate, expected["coef"]["x"], rtol=RTOL)
        assert_allclose(found.std_error, expected[key]["x"], rtol=RTOL)
    white = panel(data["y"], data["x"], rows, data["year"], "none")
    assert_allclose(white.std_error, expected["se_HC1"]["x"], rtol=RTOL)
    cr2 = panel(data["y"], data["x"], data["firm"], data["year"], "none", "cr2")
    assert_allclose(cr2.std_error, expected["se_firm_HC2"]["x"], rtol=1e-3)  # sandwich's HC2 is no CR2
    found = panel(data["y"], data["x"], data["firm"], data["year"], "none", "driscoll_kraay", lags=1)
    assert_allclose(found.std_error, expected["se_PL_DriscollKraay_lag1"]["x"], rtol=RTOL)


@pytest.mark.parametrize("lags", [0, 1, 4])
def test_p07_stata_xtscc(lags):
    data = (
        sm.datasets.grunfeld.load_pandas()
        .data[:200]
        .rename(columns={"firm": "unit", "year": "period", "invest": "y"})
    )
    expected = figures("P07")
    found = fitted(data, "none", "driscoll_kraay", lags=lags)
    assert_allclose(found.estimate, listed(expected["coef"]), rtol=RTOL)
    assert_allclose(
        found.std_error, listed(expected[f"driscoll_kraay_lag{lags}"]["se_statsmodels"]), rtol=RTOL
    )
    clustered = fitted(data, "none").std_error
    assert_allclose(clustered, listed(expected["cluster_firm"]["se_stata"]), rtol=RTOL)


def test_s02_e_values():
    for ratio, key in ((3.9, "maternal_smoking_RR3.9"), (1.8, "lower1.8"), (0.8, "RR0.80"), (2, "RR2")):
        assert_allclose(e_value(ratio), figures("S02")[key], rtol=1e-9)


def test_s03_benjamini_and_hochberg():
    expected = figures("S03")
    assert_allclose(benjamini_hochberg(expected["p"]), expected["BH"], rtol=1e-9)
    assert_allclose(benjamini_hochberg(expected["p"], strict=True), expected["BY"], rtol=1e-9)


@pytest.mark.parametrize("df", [30, 50])
def test_s04_detectable_effects(df):
    """R's pwr stops its root finder at 1e-4 (see `test_regress_inference` for the exact root)."""
    found = detectable_effect(1.0, df) ** 2 / (df + 2)
    assert_allclose(found, figures("S04")[f"f2_u1_v{df}_mde80"], rtol=1e-4)


def test_e02_seat_belt_law_with_fixed_seasonal():
    data = table("seatbelts")
    X = np.column_stack([np.log(data["PetrolPrice"]), data["law"]])
    found = panel(np.log(data["drivers"]), X, data["month"], data["year"], "unit")
    assert_allclose(found.estimate, [-0.4521301269622511, -0.19713947157583317], rtol=RTOL)


def test_e05_lalonde_by_panels_of_one_row():
    data, expected = table("nsw_mixtape"), figures("E05")
    rows = np.arange(len(data))
    for cov, key in (("cluster", "se_HC1"), ("cr2", "se_HC2")):
        found = panel(data["re78"], data["treat"], rows, rows, "none", cov)
        assert_allclose(found.estimate, expected["diff"], rtol=RTOL)
        assert_allclose(found.std_error, expected[key], rtol=RTOL)
