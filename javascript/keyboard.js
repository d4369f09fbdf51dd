// The map without a mouse: arrow keys go from KPI to KPI, Enter begins and ends an arrow, Tab goes through the
// arrows of a KPI, Delete removes the chosen one.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function keyboard({ plane, network, kpis, arrows, model, send, ask, said, at }) {
  let here = null;
  let cause = null;
  let chosen = -1;

  const spot = (kpi) => network.getPosition(kpi.id);
  const now = () => kpis().find((kpi) => kpi.entry === here);

  function go(kpi) {
    here = kpi.entry;
    chosen = -1;
    network.selectNodes([kpi.id], false);
    const point = network.canvasToDOM(spot(kpi));
    if (point.x < 0 || point.y < 0 || point.x > plane.clientWidth || point.y > plane.clientHeight) network.moveTo({ position: spot(kpi) });
    at(network.canvasToDOM(spot(kpi)));
    said.textContent = cause ? `Arrow from ${cause.name} to ${kpi.name}: Enter draws it, Escape gives it up` : kpi.name;
  }

  // The nearest KPI in a direction: what lies aside counts twice.
  function step([dx, dy]) {
    const from = now();
    if (!from) return go(kpis()[0]);
    const a = spot(from);
    let best = null;
    for (const kpi of kpis()) {
      const b = spot(kpi);
      const along = (b.x - a.x) * dx + (b.y - a.y) * dy;
      const aside = Math.abs((b.x - a.x) * dy) + Math.abs((b.y - a.y) * dx);
      if (along > 1 && (!best || along + 2 * aside < best.far)) best = { kpi, far: along + 2 * aside };
    }
    if (best) go(best.kpi);
  }

  function enter() {
    const kpi = now();
    if (!kpi) return;
    if (!cause) {
      cause = kpi;
      said.textContent = `Arrow from ${kpi.name}: go to its effect and press Enter`;
      return;
    }
    ask(cause.entry, kpi.entry);
    cause = null;
  }

  // Go to the next arrow of this KPI; past the last, Tab leaves the map as it does everywhere.
  function nextArrow(back) {
    const own = arrows().filter((edge) => !here || edge.cause === here || edge.effect === here);
    const next = chosen + (back ? -1 : 1);
    if (next < 0 || next >= own.length) return false;
    chosen = next;
    send({ do: "select", edge: own[chosen].id });
    return true;
  }

  plane.addEventListener("keydown", (event) => {
    if (event.target !== plane) return;
    let done = true;
    if (STEPS[event.key]) step(STEPS[event.key]);
    else if (event.key === "Enter") enter();
    else if (event.key === "Tab") done = nextArrow(event.shiftKey);
    else if (event.key === "Delete" || event.key === "Backspace") {
      const edge = model.get("detail").edge;
      if (edge && model.get("detail").verdict !== "denied") send({ do: "remove", edge });
    } else if (event.key === "Escape") {
      cause = null;
      send({ do: "select", edge: "" });
    } else done = false;
    if (done) event.preventDefault();
  });
  plane.addEventListener("focus", () => { if (!now() && kpis().length) go(kpis()[0]); });

  return { stand: (kpi) => { here = kpi; chosen = -1; cause = null; } };
}
