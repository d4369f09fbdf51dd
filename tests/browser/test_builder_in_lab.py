"""The builder in JupyterLab, clicked and typed in as a person would."""

import re
import subprocess
import sys

import kpilab as kl
from tests.browser.lab import IDLE, SECONDS

STANDS_STILL = """() => new Promise(done => {
    let timer;
    const wait = () => { clearTimeout(timer); timer = setTimeout(end, 200); };
    const seen = new MutationObserver(wait);
    const end = () => { seen.disconnect(); done(); };
    seen.observe(document.querySelector(".jp-Notebook") ?? document.body, {subtree: true, childList: true});
    setTimeout(end, 5000);
    wait();
})"""

PLANTED = (
    '<img src=x onerror="window.ran=1"></script><script>window.ran=1</script> \'q\' "Q" 🏥 مرحبا ' + "x" * 200
)


class Builder:
    """What a person does with the builder on the page."""

    def __init__(self, lab):
        self.lab, self.page = lab, lab.page
        self.page.set_default_timeout(30_000)
        self.output = self.page.locator(
            ".jp-OutputArea-output", has=self.page.locator('button:text-is("Save…")')
        ).last

    def button(self, name):
        return self.output.locator(f'button:text-is("{name}")')

    def press(self, name):
        self.button(name).click()

    def row(self, label):
        named = self.page.locator(f'.widget-label:text-is("{label}")')
        return self.output.locator(".widget-hbox", has=named).last

    def settle(self):
        """Wait as a person would: until the kernel has answered and the page stands still for a moment."""
        self.page.evaluate(STANDS_STILL)
        if self.page.evaluate(
            "() => !!window.jupyterapp?.shell?.currentWidget?.sessionContext"
        ):  # Voilà has none
            self.page.wait_for_function(IDLE)
        self.page.evaluate(STANDS_STILL)

    def fill(self, **fields):
        self.settle()
        for label, text in fields.items():
            row = self.row(label.replace("_", " "))
            if row.locator("select").count():
                labels = row.locator("option").all_inner_texts()
                found = [each for each in labels if each == text or each.endswith(f"({text})")]
                row.locator("select").select_option(label=found[0])
            else:
                row.locator("input").first.fill(text)

    def tick(self, *levels):
        for level in levels:
            self.row("Levels").get_by_text(level, exact=True).click()

    def look_at(self, view):
        self.output.locator("select").first.select_option(view)

    def choose(self, what, name):
        """Click an entry of the list, and wait for its form."""
        entries = self.output.locator("select[size]").first
        shown = name.replace(" ", r"\s")  # the list shows spaces that do not break
        option = entries.locator("option", has_text=re.compile(f"^\\W*{shown}$")).first
        option.wait_for(state="attached")
        entries.select_option(label=option.inner_text())
        self.page.get_by_text(f"{what}: {name}", exact=True).wait_for()

    def begin(self, what):
        self.press(f"+ {what}")
        self.page.get_by_text(re.compile(f"^New {what}$", re.IGNORECASE)).wait_for()

    def add(self, what, **fields):
        self.begin(what)
        self.fill(**fields)
        self.finish()

    def finish(self):
        add = self.button("Add")
        self.settle()
        add.click()
        add.wait_for(state="detached")

    def paste(self, text, press):
        self.output.locator("textarea").fill(text)
        self.press(press)

    def says(self, text):
        self.output.get_by_text(text).first.wait_for()


def history_table():
    rows = ["period\tunit\tcalls\torders\trevenue\ttickets\tin_time"]
    for month in range(24):
        period = f"{2022 + month // 12}-{month % 12 + 1:02d}"
        for place, unit in enumerate(("ann", "ben", "cleo")):
            calls = 50 + (7 * month + 11 * place) % 13
            cells = (
                calls,
                calls // 5 + (month * 3 + place) % 4,
                100 * calls + 17 * month,
                40,
                30 + (5 * month + place) % 9,
            )
            rows.append("\t".join(map(str, (period, unit, *cells))))
    return "\n".join(rows)


def test_somebody_new_builds_a_cascade_from_an_empty_folder(lab, project_root):
    """Three levels, five KPIs, two links, by mouse and keyboard alone; then the report runs."""
    lab.run("import kpilab as kl\nbuilder = kl.CascadeBuilder.new('bicycles', name='Bicycles')\nbuilder")
    page = Builder(lab)
    page.add("Objective", Name="More riders", Perspective="Customers")
    page.add("Success factor", Name="Sales grow")
    page.add("KPI", Name="Revenue", How_computed="sum", From="revenue", Better="higher")
    page.add("KPI", Name="Orders", How_computed="sum", From="orders", Better="higher")
    page.add("KPI", Name="Calls", How_computed="sum", From="calls", Better="higher")
    page.press("Catalogue")
    page.says("Catalogue of KPIs")
    page.output.locator("select[size]").last.select_option(
        label="Customers · Nobody waits long · Served within the promised time"
    )
    page.says("How it gets gamed")
    page.press("Begin with this one")
    page.fill(From="in_time / tickets", Success_factor="sales_grow")
    page.finish()
    page.choose("KPI", "Revenue")
    page.add("KPI", Name="Average order", How_computed="formula", From="revenue / orders")
    lab.screenshot("builder")
    page.look_at("Units")
    page.add("Unit", Name="City", Level="department", Parent="company")
    page.press("Paste a table")
    page.says("Copy cells in Excel")
    page.paste(
        "name\tlevel\tparent\nAnn\tperson\tcity\nBen\tperson\tcity\nCleo\tperson\tnowhere", "Add the rows"
    )
    page.says("row 3: parent: unknown unit 'nowhere'")
    page.paste(
        "name\tlevel\tparent\nAnn\tperson\tcity\nBen\tperson\tcity\nCleo\tperson\tcity", "Add the rows"
    )
    page.output.locator("select[size] option", has_text="Cleo").first.wait_for(state="attached")
    page.look_at("Owners")
    page.add("Owner", Name="Director", Unit="company")
    page.look_at("Goals and KPIs")
    page.choose("KPI", "Revenue")
    page.fill(Owner="director")
    page.press("Change")
    page.look_at("Links")
    page.add("Link", Cause="calls", Effect="orders", Because="Who is called may order")
    page.add("Link", Cause="orders", Effect="revenue", Because="Orders are paid")
    page.press("History")
    page.paste(history_table().replace("2022-03\tann", "2022-03\tnobody"), "Use this history")
    page.says("nobody")
    page.paste(history_table(), "Use this history")
    page.says("written to history.csv when you save")
    page.press("Save…")
    page.says("+cascade: Bicycles")
    lab.screenshot("builder_save")
    page.press("Confirm and save")
    page.says("everything is saved")
    cascade = kl.read_cascade(lab.root / "bicycles")
    assert {kpi.id for kpi in cascade.kpis} == {
        "revenue",
        "orders",
        "calls",
        "waiting_in_time",
        "average_order",
    }
    assert [link.id for link in cascade.links] == ["calls->orders", "orders->revenue"]
    assert {unit.level for unit in cascade.units} == {"company", "department", "person"}
    assert lab.kernel("builder.cascade == kl.read_cascade('bicycles')") == "True"
    ran = subprocess.run(
        [sys.executable, "-m", "kpilab.cli", "report", "bicycles", "--template", "unit", "--units", "city"],
        capture_output=True, text=True, cwd=lab.root, timeout=5 * SECONDS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_what_cannot_be_is_refused_beside_its_field(lab):
    lab.run(
        "import kpilab as kl, shutil",
        "shutil.copytree('data/nhs-scotland', 'refused')",
        "builder = kl.CascadeBuilder(kl.read_cascade('refused'))\nbuilder",
    )
    page = Builder(lab)
    page.choose("KPI", "A&E patients seen within four hours")
    page.fill(Id="bed_occupancy")
    page.row("Id").get_by_text("duplicate id 'bed_occupancy'").wait_for()
    assert page.button("Change").is_disabled()
    page.fill(Id="seen_within_4h", From="ae_within_4h")
    page.row("From").get_by_text("'ratio.per' is missing").wait_for()
    page.fill(From="ae_within_4h / ae_attendances", Weight="much")
    page.row("Weight").get_by_text("it should be a number").wait_for()
    page.look_at("Links")
    page.begin("Link")
    page.fill(Cause="bed_occupancy", Effect="bed_occupancy")
    page.row("Effect").get_by_text("cause and effect are the same KPI").wait_for()
    assert page.button("Add").is_disabled()
    page.look_at("Units")
    page.choose("Unit", "NHS Scotland")
    page.fill(Parent="S08000015")
    page.row("Parent").get_by_text("units form a circle").wait_for()
    assert page.button("Change").is_disabled()
    lab.screenshot("builder_refused")
    page.look_at("Owners")
    page.choose("Owner", "Head of patient flow")
    page.press("Remove…")
    page.says("names it under owner: it stays, without that")
    page.press("Remove it with all this")
    page.says("draft.remove('owners', 'flow_lead', with_dependents=True)")
    assert lab.kernel("[o.id for o in builder.cascade.owners if o.id == 'flow_lead']") == "[]"
    page.press("Undo")
    page.says("everything is saved")
    page.press("Redo")
    page.says("unsaved change")
    theirs = lab.root / "refused" / "cascade.yaml"
    theirs.write_text(theirs.read_text(encoding="utf-8") + "\n# written by somebody else\n", encoding="utf-8")
    page.press("Save…")
    page.press("Confirm and save")
    page.says("changed on disk since it was read")
    page.says("+# written by somebody else")
    lab.screenshot("builder_conflict")
    assert "somebody else" in theirs.read_text(encoding="utf-8")
    lab.restart_kernel()
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    lab.run(
        "import kpilab as kl\nbuilder = kl.CascadeBuilder(kl.read_cascade('refused'))\nbuilder", name="again"
    )
    page = Builder(lab)
    page.says("Edits of an earlier sitting were never saved")
    page.press("Bring them back")
    page.says("unsaved change")
    assert lab.kernel("[o.id for o in builder.cascade.owners if o.id == 'flow_lead']") == "[]"


def test_what_was_typed_is_text_everywhere(lab):
    lab.run("import kpilab as kl\nbuilder = kl.CascadeBuilder.new('planted', name='P')\nbuilder")
    page = Builder(lab)
    page.fill(Name=PLANTED, Perspectives=PLANTED.replace(",", ""), Attribution=PLANTED)
    page.press("Change")
    page.says("draft.change('cascade'")
    page.add("Objective", Name=PLANTED, Id="goal", Why=PLANTED)
    page.add("Success factor", Name=PLANTED, Id="way", Why=PLANTED)
    page.add(
        "KPI",
        Name=PLANTED,
        Id="number",
        Why=PLANTED,
        Unit_of_measure=PLANTED,
        How_computed="sum",
        From=PLANTED,
    )
    page.press("Derive KPIs below…")
    page.says("Nothing to propose")
    page.press("History")
    page.says("The KPIs ask for")
    page.paste(f"period\tunit\t{PLANTED}\n{PLANTED}\t{PLANTED}\t1".replace('"', ""), "Use this history")
    page.says("row 1")
    page.press("Paste a table")
    page.says("Copy cells in Excel")
    page.paste(f"name\t{PLANTED}\n{PLANTED}\t1".replace('"', ""), "Add the rows")
    page.says("unknown column")
    page.look_at("Owners")
    page.add("Owner", Name=PLANTED, Id="person")
    page.press("Remove…")
    page.says("Nothing hangs on it")
    page.press("Back")
    page.begin("Owner")
    page.fill(Name=PLANTED, Id=PLANTED)
    page.row("Id").get_by_text("is no id").wait_for()
    page.press("Save…")
    page.says("Save this?")
    lab.screenshot("builder_planted", full_page=True)
    page.press("Confirm and save")
    page.says("everything is saved")
    assert lab.page.evaluate("() => window.ran") is None
    assert lab.page.locator(".jp-OutputArea-output img").count() == 0
    assert kl.read_cascade(lab.root / "planted").owner("person").name == PLANTED


FIRM = (
    "import kpilab as kl\nfrom kpilab.model.start import start_cascade",
    "paths = start_cascade({name!r})\ncascade = kl.read_cascade({name!r})\nhistory = kl.read_history(cascade)",
    "builder = kl.CascadeBuilder(cascade, history)\nbuilder",
)


def firm(lab, name):
    """Show the builder of the starter's firm, with its history."""
    lab.run(*(cell.format(name=name) for cell in FIRM))
    return Builder(lab)


def test_little_tables_and_lists_are_filled_by_mouse_and_saved(lab):
    """Procedures, dated weights, starts, expected changes, exceptions: what only the file could say before."""
    page = firm(lab, "tables")
    page.look_at("Processes")
    page.choose("Process", "Selling")
    procedures = page.row("Procedures")
    procedures.locator("button", has_text="row").click()
    procedures.locator("input").nth(0).fill("offer")
    procedures.get_by_text("'procedures.0.name' is missing").wait_for()
    procedures.locator("input").nth(1).fill("Writing an offer")
    procedures.locator("input").nth(2).fill("offer.md")
    procedures.locator("select").select_option(label="Head of sales (sales_lead)")
    page.press("Change")
    page.says("unsaved change")
    page.look_at("Goals and KPIs")
    page.choose("Objective", "Grow with our customers")
    weight = page.row("Weight")
    weight.locator("input").nth(0).fill("0.5")
    weight.locator("button", has_text="row").click()
    weight.locator("input").nth(3).fill("2023-13")
    weight.locator("input").nth(2).fill("0.7")
    weight.get_by_text("'weight.0.from' is missing").wait_for()
    weight.locator("input").nth(1).fill("2022-01")
    weight.get_by_text("2023-13").wait_for()
    weight.locator("input").nth(3).fill("2023-01")
    page.press("Change")
    page.says("2 unsaved changes")
    page.look_at("Links")
    page.output.locator("select[size] option", has_text="→").first.wait_for(state="attached")
    page.output.locator("select[size]").first.select_option(index=1)
    page.says("Link: calls->orders")
    excepted = page.row("Except at")
    excepted.locator("select").select_option(label="Ann (ann)")
    excepted.locator("select").select_option(label="Ben (ben)")
    lab.screenshot("builder_tables")
    page.press("Change")
    page.says("3 unsaved changes")
    page.press("Save…")
    page.press("Confirm and save")
    page.says("everything is saved")
    saved = kl.read_cascade(lab.root / "tables")
    assert saved.named("processes", "selling").procedures[0].document == "offer.md"
    assert [dated.weight for dated in saved.named("objectives", "grow").weight] == [0.5, 0.7]
    assert saved.links[0].excluded == ("ann", "ben")


def test_a_kpi_is_moved_up_to_another_factor_and_back_again(lab):
    page = firm(lab, "moved")
    page.choose("KPI", "Calls to customers")
    for _ in range(3):
        page.press("Up")
    page.button("Up").and_(lab.page.locator(":disabled")).wait_for()
    assert lab.kernel("[kpi.id for kpi in builder.cascade.kpis][0]") == "calls"
    page.fill(Success_factor="skill", Parent="training_hours")
    page.press("Change")
    page.says("draft.change('kpis', 'calls'")
    assert lab.kernel("builder.cascade.kpi('calls').parent") == "training_hours"
    for _ in range(4):
        page.press("Undo")
    page.says("everything is saved")
    assert lab.kernel("builder.cascade == cascade") == "True"
    page.choose("Success factor", "Everyone keeps learning")
    page.fill(Objective="grow")
    page.press("Change")
    page.says("unsaved change")
    page.output.locator("select[size]").first.focus()
    lab.page.keyboard.press("Control+z")
    page.says("everything is saved")
    lab.page.keyboard.press("Control+y")
    page.says("unsaved change")
    page.row("Name").locator("input").focus()
    lab.page.keyboard.press("Control+z")  # where somebody types it undoes the typing
    page.output.locator("select[size]").first.focus()
    lab.page.keyboard.press("Control+z")
    page.says("everything is saved")
    page.choose("Objective", "Be the firm people rely on")
    page.fill(Supports_goal="learn")
    page.row("Supports goal").get_by_text("support each other in a circle").wait_for()
    assert page.button("Change").is_disabled()


def test_what_history_says_stands_beside_the_field_and_children_are_ticked(lab):
    page = firm(lab, "children")
    page.choose("KPI", "Revenue")
    page.fill(From="turnover")
    page.row("From").get_by_text("turnover").first.wait_for()
    page.says("error: kpi 'revenue'")
    lab.screenshot("builder_history")
    page.fill(From="revenue")
    page.tick("company")  # none was ticked: it was at all levels
    page.press("Change")
    page.says("draft.change('kpis', 'revenue'")
    page.press("Derive KPIs below…")
    page.says("Measure 'Revenue' at level department too (3 units)")
    page.press("One for each of 3 units")
    page.says("A KPI of their own for departments")
    row = page.output.locator(".widget-hbox", has=lab.page.locator("input[type=checkbox]")).last
    row.locator("input[type=checkbox]").click()
    row.locator("input[type=text]").first.fill("revenue_of_hills")
    lab.screenshot("builder_children")
    page.press("Do what is ticked")
    page.says("draft.at_once(")
    assert lab.kernel("builder.cascade.kpi('revenue').levels") == "('company', 'department')"
    assert lab.kernel("builder.cascade.kpi('revenue_of_hills').owner") == "hills_head"
    page.press("Undo")
    page.says("draft.undo()")
    assert lab.kernel("builder.cascade.kpi('revenue').levels") == "('company',)"


def test_a_restarted_kernel_is_said_and_the_edits_come_back(lab):
    cells = "import kpilab as kl\nbuilder = kl.CascadeBuilder(kl.read_cascade('restarted'))\nbuilder"
    lab.run("import shutil\nshutil.copytree('data/nhs-scotland', 'restarted')", cells)
    page = Builder(lab)
    assert lab.page.locator(".kl-lost:visible").count() == 0
    page.look_at("Owners")
    page.add("Owner", Name="Head of theatres", Id="theatres")
    page.says("unsaved change")
    lab.restart_kernel()
    lost = lab.page.locator(".kl-lost:visible")
    lost.get_by_text("The kernel was restarted").wait_for()
    assert "Run its cell again" in lost.inner_text()
    assert "Edits that were not saved are kept" in lost.inner_text()
    lab.screenshot("builder_lost")
    lab.run(cells, name="again")
    page = Builder(lab)
    page.press("Bring them back")
    page.says("unsaved change")
    assert lab.kernel("builder.cascade.owner('theatres').name") == "Head of theatres"
    assert lab.page.locator(".kl-lost:visible").count() == 0
    # JupyterLab itself complains of late messages for widgets that went with the old kernel
    lab.watched.errors[:] = [said for said in lab.watched.errors if not said.startswith("Comm not found")]
