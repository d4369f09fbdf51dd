"""A scenario played along the arrows of a map, period by period: the data and the script, for any page.

The script is static; what differs from map to map goes in as JSON, never as code, and words are put on the page
as text.
"""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from kpilab.decisions.scenario import signed_effect
from kpilab.model.cascade import Cascade
from kpilab.show import quantity

BETTER, WORSE, NEUTRAL = "#1b7837", "#b2182b", "#5b6b7f"


def playing_script(
    cascade: Cascade, scenarios: Mapping[str, Any], nodes: Mapping[str, str], arrows: pd.DataFrame
) -> str:
    """Return the controls and the script that plays scenarios on a vis-network page.

    Parameters
    ----------
    scenarios : mapping of name to Scenario
    nodes : mapping of KPI to the id of its node
    arrows : DataFrame
        Columns ``cause, effect``.
    """
    frames = [{"name": name, **_frames(cascade, scenario, nodes)} for name, scenario in scenarios.items()]
    ends = [[nodes[str(row.cause)], nodes[str(row.effect)]] for row in arrows.itertuples()]
    data = json.dumps({"scenarios": frames, "arrows": ends}).replace("<", "\\u003c")
    return f"<script>({_SCRIPT})({data});</script>"


def _frames(cascade: Cascade, scenario: Any, nodes: Mapping[str, str]) -> dict[str, Any]:
    """Return, per period, what each KPI's node says and how strongly it is coloured."""
    table = scenario.table
    rank = table["level"].map({level: place for place, level in enumerate(cascade.levels)})
    top = table[rank == rank.groupby(table["kpi"]).transform("min")]
    top = top[top["unit"] == top.groupby("kpi")["unit"].transform("first")]
    periods = list(dict.fromkeys(top["period"]))
    steps = []
    for period in periods:
        rows = top[top["period"] == period]
        steps.append({nodes[row.kpi]: _said(cascade, row, top) for row in rows.itertuples(index=False)})
    return {"periods": periods, "steps": steps}


def _said(cascade: Cascade, row: Any, table: pd.DataFrame) -> list[object]:
    """Return a node's words, colour, strength (0–1) and a longer text."""
    kpi = cascade.kpi(row.kpi)
    measure = kpi.unit_of_measure
    change = signed_effect(row.effect, measure)
    largest = float(table.loc[table["kpi"] == row.kpi, "effect"].abs().max()) or 1.0
    colour = NEUTRAL
    if kpi.better in ("higher", "lower") and row.effect:
        colour = BETTER if (row.effect > 0) == (kpi.better == "higher") else WORSE
    certain = row.effect_low * row.effect_high > 0
    long = (
        f"{cascade.unit(row.unit).name}, {row.period}: {quantity(row.median, measure)} instead of "
        f"{quantity(row.baseline, measure)} ({quantity(row.conf_low, measure)} to {quantity(row.conf_high, measure)})"
    )
    return [change if row.effect else "", colour, abs(row.effect) / largest, certain, long]


_SCRIPT = """function (data) {
  var bar = document.createElement("div");
  bar.id = "play";
  bar.style.cssText = "position:fixed;right:10px;bottom:10px;z-index:5;background:#fffd;border:1px solid #d5dbe3;" +
    "border-radius:6px;padding:6px 10px;font:13px sans-serif";
  var choice = document.createElement("select");
  data.scenarios.forEach(function (scenario, i) {
    var option = document.createElement("option");
    option.value = i;
    option.textContent = scenario.name;
    choice.appendChild(option);
  });
  choice.hidden = data.scenarios.length < 2;
  var button = document.createElement("button"), slider = document.createElement("input");
  var words = document.createElement("span");
  button.textContent = "Play";
  slider.type = "range"; slider.min = 0; slider.step = 1; slider.value = 0;
  slider.style.verticalAlign = "middle";
  [choice, button, slider, words].forEach(function (part) { part.style.marginRight = "8px"; bar.appendChild(part); });
  document.body.appendChild(bar);
  var still = {}, lines = {}, timer = null;
  nodes.get().forEach(function (node) { still[node.id] = node; });
  edges.get().forEach(function (edge) { lines[edge.id] = edge; });
  function moving(step, id) { return step && step[id] && step[id][0] !== ""; }
  function show() {
    var scenario = data.scenarios[choice.value || 0], at = Number(slider.value), changes = [];
    slider.max = scenario.periods.length;
    var step = at > 0 ? scenario.steps[at - 1] : null, before = at > 1 ? scenario.steps[at - 2] : null;
    Object.keys(still).forEach(function (id) {
      var node = still[id];
      if (!moving(step, id)) {
        changes.push({id: id, label: node.label, borderWidth: node.borderWidth, title: node.title,
          color: node.color, font: node.font});
        return;
      }
      var said = step[id];
      changes.push({id: id, label: node.label + "\\n" + said[0] + (said[3] ? "" : " (?)"), title: said[4],
        borderWidth: 2 + 5 * said[2], color: {background: node.color.background, border: said[1]},
        font: {color: node.font.color, size: node.font.size}});
    });
    nodes.update(changes);
    edges.update(Object.keys(lines).filter(function (id) { return lines[id].label; }).map(function (id) {
      var edge = lines[id], on = moving(step, edge.from) && moving(step, edge.to);
      var fresh = on && !moving(before, edge.to);
      return {id: id, width: edge.width + (on ? 2 : 0) + (fresh ? 3 : 0), shadow: Boolean(fresh)};
    }));
    words.textContent = at > 0 ? scenario.periods[at - 1] : "now";
    bar.dataset.period = words.textContent;
  }
  function stop() { clearInterval(timer); timer = null; button.textContent = "Play"; }
  button.onclick = function () {
    if (timer) { stop(); return; }
    if (Number(slider.value) >= Number(slider.max)) { slider.value = 0; }
    button.textContent = "Pause";
    timer = setInterval(function () {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= Number(slider.max)) { stop(); }
    }, 900);
  };
  slider.oninput = function () { stop(); show(); };
  choice.onchange = function () { stop(); slider.value = 0; show(); };
  show();
}"""
