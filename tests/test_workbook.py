"""The Excel round trip: export then import is the identity; what is wrong is told with sheet, row, value, remedy."""

import datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kpilab as kl
from kpilab import cli
from kpilab.model.nouns import Action, Kpi, Objective, Target
from kpilab.model.workbook import cell_content, left_out
from kpilab.model.workbook_columns import SHEETS, columns_of
from tests.small import shops

LETTERS = st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff")
TEXTS = st.text(LETTERS, min_size=1, max_size=40).filter(lambda t: "x005F_" not in t)
IDS = st.from_regex(r"[a-z0-9][a-z0-9_.:-]{0,8}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return shops(tmp_path_factory.mktemp("workbook"))[0]


@pytest.fixture
def book(shop, tmp_path):
    return kl.write_workbook(shop, tmp_path / "book.xlsx")


def edited(path, *edits):
    """Change cells as a person would: (sheet, cell, value)."""
    opened = openpyxl.load_workbook(path)
    for sheet, cell, value in edits:
        opened[sheet][cell] = value
    opened.save(path)
    return path


def column_of(sheet, key):
    keys = [column.key for column in columns_of(sheet)]
    return openpyxl.utils.get_column_letter(keys.index(key) + 1)


def problems(path):
    with pytest.raises(kl.InputError) as caught:
        kl.read_workbook(path)
    return str(caught.value)


def test_the_example_comes_back_as_it_was(example_cascade, tmp_path):
    assert kl.read_workbook(kl.write_workbook(example_cascade, tmp_path / "b.xlsx")) == example_cascade


@pytest.mark.parametrize("folder", ["baseball_folder", "airports_folder"])
def test_large_cascades_come_back_as_they_were(folder, request, tmp_path):
    cascade = kl.read_cascade(request.getfixturevalue(folder))
    assert kl.read_workbook(kl.write_workbook(cascade, tmp_path / "b.xlsx")) == cascade


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(TEXTS, min_size=3, max_size=3),
    formula=st.sampled_from(
        ["=1+1", "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "'quoted", "\ttab", "#N/A", "1e3"]
    ),
    ids=st.lists(IDS, min_size=2, max_size=2, unique=True),
    amount=NUMBERS,
    weights=st.none() | st.floats(0, 1),
    expected=st.sampled_from(["-10%", "+2.5%", 3, -0.03]),
)
def test_export_then_import_is_the_identity(shop, tmp_path, names, formula, ids, amount, weights, expected):
    weight = (
        weights
        if weights is not None
        else ({"from": "2022-01", "weight": 0.4}, {"from": "2023-01", "weight": 0.6})
    )
    cascade = shop.replace(
        objectives=(*shop.objectives, Objective(id=f"n{ids[0]}", name=names[0], why=formula)),
        kpis=(*shop.kpis, Kpi(id="added-kpi", name=formula, sum=names[1], why=names[2], weight=weight)),
        actions=(
            Action(
                id=ids[1],
                name=names[1],
                start="2023-01",
                expects={"revenue": expected},
                starts={"a": "2023-02"},
                units=("a",),
            ),
        ),
        targets=(Target(kpi="revenue", target=amount, baseline=-amount, source=formula),),
        perspectives=tuple(names),
    )
    assert kl.read_workbook(kl.write_workbook(cascade, tmp_path / "b.xlsx")) == cascade


def test_text_that_begins_with_an_equals_sign_stays_text(shop, tmp_path):
    cascade = shop.replace(
        objectives=(
            *shop.objectives,
            Objective(id="o", name='=HYPERLINK("http://x")'),
        )
    )
    path = kl.write_workbook(cascade, tmp_path / "b.xlsx")
    cells = [c for page in openpyxl.load_workbook(path) for row in page.iter_rows() for c in row]
    assert not [c for c in cells if c.data_type in ("f", "e")]
    told = next(c for c in cells if str(c.value).startswith("=HYPER"))
    assert told.quotePrefix


def test_every_column_is_explained_and_references_can_be_chosen(book):
    opened = openpyxl.load_workbook(book)
    for sheet in SHEETS:
        assert all(column.meaning for column in columns_of(sheet))
        if sheet != "cascade":
            assert all(cell.comment and cell.comment.text for cell in opened[sheet][1])
    offered = {str(v.sqref)[0]: v.formula1 for v in opened["links"].data_validations.dataValidation}
    assert offered["A"] == offered["B"] == "'kpis'!$A$2:$A$2000"
    assert opened["lists"].sheet_state == "hidden"


def test_all_problems_are_told_at_once_with_sheet_row_value_and_remedy(book):
    owner, better, total = (column_of("kpis", key) for key in ("owner", "better", "sum"))
    said = problems(
        edited(
            book, ("kpis", f"{owner}2", "bos"), ("kpis", f"{better}2", "hihger"), ("kpis", f"{total}4", "=A1")
        )
    )
    assert (
        f"book.xlsx, sheet kpis, row 2, column {owner}: owner: unknown owner 'bos'; did you mean 'boss'?"
        in said
    )
    assert f"row 2, column {better}" in said
    assert "hihger" in said
    assert f"row 4, column {total}: sum: a formula, =A1; paste its value instead" in said


def test_unknown_sheets_and_columns_are_told(book):
    opened = openpyxl.load_workbook(book)
    opened.create_sheet("kpi")
    opened["units"]["A1"] = "unti"
    opened.save(book)
    said = problems(book)
    assert "unknown sheet 'kpi'; did you mean 'kpis'?" in said
    assert "row 1, column A: unknown column 'unti'; did you mean 'unit'?" in said


def test_a_period_that_excel_took_for_a_date_is_a_period(shop, tmp_path):
    cascade = shop.replace(actions=(Action(id="x", name="X", start="2023-01"),))
    path = kl.write_workbook(cascade, tmp_path / "b.xlsx")
    start = column_of("actions", "start")
    edited(path, ("actions", f"{start}2", datetime.datetime(2023, 2, 1)))
    assert kl.read_workbook(path).actions[0].start == "2023-02"


def test_what_a_cell_cannot_hold_is_refused_before_anything_is_written(shop, tmp_path):
    cascade = shop.replace(objectives=(Objective(id="o", name="a\rb"), Objective(id="p", name="n" * 40_000)))
    with pytest.raises(kl.InputError) as caught:
        kl.write_workbook(cascade, tmp_path / "b.xlsx")
    assert [p.where for p in caught.value.problems] == ["sheet objectives, row 2", "sheet objectives, row 3"]
    assert not list(tmp_path.iterdir())


def test_what_is_not_held_is_said_and_pay_stays_at_home(example_cascade, tmp_path):
    said = " ".join(left_out(example_cascade))
    assert "comments of cascade.yaml" in said
    assert "pay.yaml, which is confidential" in said
    path = kl.write_workbook(example_cascade, tmp_path / "b.xlsx")
    assert "pay.yaml" not in openpyxl.load_workbook(path).sheetnames


def test_pay_goes_along_when_asked_for_and_comes_back(example_cascade, tmp_path):
    path = kl.write_workbook(example_cascade, tmp_path / "b.xlsx", pay=True)
    assert path.stat().st_mode & 0o777 == 0o600
    kl.import_workbook(path, tmp_path / "copy")
    copied = tmp_path / "copy" / "pay.yaml"
    assert copied.read_text() == (example_cascade.folder / "pay.yaml").read_text()
    assert copied.stat().st_mode & 0o777 == 0o600


def test_import_into_a_cascade_says_what_would_change_and_keeps_comments(shop, book, capsys):
    shown = shop.folder / "cascade.yaml"
    shown.write_text("# ours\n" + shown.read_text())
    name = column_of("kpis", "name")
    edited(book, ("kpis", f"{name}2", "Takings"))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["import", str(book), str(shop.folder)])
    assert stopped.value.code == 2
    assert "Takings" in capsys.readouterr().err
    assert "Takings" not in shown.read_text()
    with pytest.raises(SystemExit):
        cli.main(["import", str(book), str(shop.folder), "--overwrite"])
    assert "Takings" in shown.read_text()
    assert shown.read_text().startswith("# ours\n")


def test_export_command_says_what_is_left_out(example_cascade, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["export", str(example_cascade.folder), str(tmp_path / "b.xlsx")])
    assert ended.value.code == 0
    assert "Not held: history" in capsys.readouterr().out


def test_import_into_an_empty_folder_names_the_history_that_is_still_to_come(shop, book, tmp_path, capsys):
    fresh = tmp_path / "fresh"
    with pytest.raises(SystemExit) as ended:
        cli.main(["import", str(book), str(fresh)])
    assert ended.value.code == 0
    assert f"copy history.csv into {fresh}" in capsys.readouterr().out
    (fresh / "history.csv").write_bytes((shop.folder / "history.csv").read_bytes())
    with pytest.raises(SystemExit):
        cli.main(["import", str(book), str(fresh)])
    assert capsys.readouterr().out == "nothing changed\n"


def test_a_file_that_is_no_workbook_is_told(tmp_path):
    (tmp_path / "b.xlsx").write_text("no zip")
    assert "is no workbook" in problems(tmp_path / "b.xlsx")
    assert "no such file" in problems(tmp_path / "c.xlsx")


def test_numbers_beyond_what_excel_keeps_stand_as_text():
    assert cell_content(0.1 + 0.2) == "0.30000000000000004"
    assert cell_content(0.3) == 0.3
