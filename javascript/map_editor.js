// The page of kpilab's map editor. It draws what the kernel sends and says what a person did; it holds no rule
// of its own. Names are only ever drawn on the canvas or set as text, never as markup.
import { DataSet } from "vis-data/esnext";
import { Network } from "vis-network/esnext";
import { button, el, legendSample, svg, texts } from "./parts.js";
import { detailPanel, linkForm, saveDialog } from "./panels.js";
import { keyboard } from "./keyboard.js";

const OPTIONS = {
  physics: false,
  interaction: { hover: true, tooltipDelay: 120, multiselect: false, selectConnectedEdges: false, hoverConnectedEdges: false },
  nodes: { margin: 8 },
  edges: { arrows: { to: { enabled: true, scaleFactor: 0.8 } }, font: { size: 24, strokeWidth: 6, strokeColor: "#ffffff" } },
};
const MANY = 120;

function visNode(node) {
  return {
    id: node.id, label: node.label, title: node.title, shape: node.shape, x: node.x, y: node.y, borderWidth: node.border,
    borderWidthSelected: node.border + 2, fixed: node.kind !== "kpi", widthConstraint: node.shape === "box" ? { minimum: 150, maximum: 210 } : false,
    color: { background: node.colour, border: "#1f3a5f", highlight: { background: node.colour, border: "#d98200" }, hover: { background: "#eaf1f9", border: "#1f3a5f" } },
    font: { color: node.font, size: node.size },
  };
}

function visEdge(edge, many) {
  if (!edge.cause) return { id: edge.id, from: edge.from, to: edge.to, color: "#c3ccd6", width: 1, arrows: "", smooth: false, chosen: false };
  return {
    id: edge.id, from: edge.from, to: edge.to, label: many ? undefined : edge.label, title: edge.title, width: edge.width, dashes: edge.dashes,
    smooth: many ? false : edge.smooth, color: { color: edge.colour, highlight: edge.colour, hover: edge.colour }, selectionWidth: 3,
  };
}

// Tell a data set what it holds now, touching only what changed.
function replaceAll(set, items) {
  const before = new Map(set.get().map((item) => [item.id, item]));
  const changed = items.filter((item) => JSON.stringify(before.get(item.id)) !== JSON.stringify(item));
  const ids = new Set(items.map((item) => item.id));
  const gone = [...before.keys()].filter((id) => !ids.has(id));
  if (gone.length) set.remove(gone);
  if (changed.length) set.update(changed);
}

function render({ model, el: host }) {
  const began = performance.now();
  let sent = 0;
  let at = { x: 40, y: 40 };
  let drawing = true;
  const listeners = [];
  const on = (name, act) => { model.on(name, act); listeners.push([name, act]); };

  const root = el("div", { class: "kl-map", "data-lm-suppress-shortcuts": "true" });
  const lost = el("div", { class: "kl-lost", role: "alert", hidden: true });
  const bar = el("div", { class: "kl-bar", role: "toolbar", "aria-label": "Map" });
  const canvas = el("div", { class: "canvas" });
  const over = svg("svg", { "aria-hidden": "true" });
  const plane = el("div", {
    class: "kl-plane drawing", tabindex: "0", role: "application",
    "aria-label": "Strategy map. Arrow keys go from KPI to KPI, Enter begins and ends an arrow, Tab goes through its arrows, Delete removes one.",
  }, canvas, over);
  const side = el("aside", { class: "kl-side", "aria-label": "The chosen arrow" });
  const foot = el("div", { class: "kl-foot" });
  const notice = el("div", { class: "kl-notice", role: "alert", hidden: true });
  const said = el("div", { class: "said", "aria-live": "polite" });
  root.append(lost, bar, el("div", { class: "kl-body" }, plane, side), foot, notice);
  host.append(root);

  const nodes = new DataSet();
  const edges = new DataSet();
  const network = new Network(canvas, { nodes, edges }, OPTIONS);
  const scene = () => model.get("scene");
  const kpis = () => (scene().nodes || []).filter((node) => node.kind === "kpi");
  const arrows = () => (scene().edges || []).filter((edge) => edge.cause);
  const kpiAt = (point) => kpis().find((node) => node.id === network.getNodeAt(point));

  // A message carries a number; the kernel gives it back when it has dealt with it.
  let waiting = null;
  function send(content) {
    sent += 1;
    clearTimeout(waiting);
    try {
      model.send({ ...content, number: sent });
    } catch (gone) {
      sayLost(`The kernel was restarted or has gone (${gone.message}): this map cannot be edited any more.`);
      return;
    }
    waiting = setTimeout(() => sayLost("The kernel has not answered for five seconds: it is busy, or it was restarted."), 5000);
  }
  on("change:answered", () => { clearTimeout(waiting); lost.hidden = true; });
  on("comm_live_update", () => sayLost("The kernel was restarted or has gone: this map cannot be edited any more."));
  function sayLost(what) {
    lost.replaceChildren(
      el("b", {}, what), " Edits that were not saved are kept; a new cell brings them back: ",
      el("code", {}, `draft = ${model.get("state").recover || "kl.Draft.recover(folder)"}`), " and ",
      el("code", {}, "kl.MapEditor(draft.cascade, history, draft=draft)"),
    );
    lost.hidden = false;
  }

  // --- what is drawn
  function draw() {
    const many = arrows().length > MANY;
    replaceAll(nodes, (scene().nodes || []).map(visNode));
    replaceAll(edges, (scene().edges || []).map((edge) => visEdge(edge, many)));
    network.setOptions({ interaction: { hideEdgesOnDrag: many } });
    const chosen = model.get("detail").edge;
    if (chosen && edges.get(chosen)) network.selectEdges([chosen]);
    handles();
  }
  plane.klNetwork = network;
  network.on("beforeDrawing", (context) => {
    for (const [name, top, bottom, colour] of scene().bands || []) {
      context.fillStyle = colour;
      context.fillRect(0, top, scene().width, bottom - top);
      context.fillStyle = "#7b8794";
      context.font = "20px sans-serif";
      context.fillText(name, 14, top + 26);
    }
  });
  network.once("afterDrawing", () => { root.dataset.painted = Math.round(performance.now() - began); });

  // --- the two ends of the chosen arrow can be led elsewhere
  function handles() {
    over.replaceChildren();
    const edge = arrows().find((each) => each.id === model.get("detail").edge);
    if (!edge || edge.verdict === "denied" || !network.body.edges[edge.id]) return;
    const type = network.body.edges[edge.id].edgeType;
    for (const [end, share] of [["cause", 0.12], ["effect", 0.88]]) {
      const point = network.canvasToDOM(type.getPoint(share));
      const handle = svg("circle", { class: "handle", cx: point.x, cy: point.y, r: 7, "data-end": end });
      handle.append(svg("title", {}, end === "cause" ? "Drag to another cause" : "Drag to another effect"));
      handle.addEventListener("pointerdown", (event) => {
        event.stopPropagation();
        const fixed = end === "cause" ? edge.effect : edge.cause;
        drag(event, nodes.get(`kpi:${fixed}`), (target) =>
          send({ do: "change", edge: edge.id, fields: { [end]: target.entry } }));
      });
      over.append(handle);
    }
  }
  network.on("afterDrawing", () => { if (model.get("detail").edge) handles(); });

  // --- drawing an arrow by mouse
  const place = (event) => {
    const box = plane.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  function drag(event, from, done) {
    const start = network.canvasToDOM(network.getPosition(from.id));
    const line = svg("line", { x1: start.x, y1: start.y, x2: start.x, y2: start.y, stroke: "#d98200", "stroke-width": 3, "stroke-dasharray": "7 5" });
    over.append(line);
    plane.setPointerCapture(event.pointerId);
    const move = (moved) => {
      at = place(moved);
      line.setAttribute("x2", at.x);
      line.setAttribute("y2", at.y);
      const target = kpiAt(at);
      network.selectNodes(target ? [target.id] : [], false);
    };
    const end = (ended) => {
      plane.removeEventListener("pointermove", move);
      plane.removeEventListener("pointerup", end);
      line.remove();
      at = place(ended);
      const target = kpiAt(at);
      if (target && ended.type === "pointerup") done(target);
    };
    plane.addEventListener("pointermove", move);
    plane.addEventListener("pointerup", end);
  }
  plane.addEventListener("pointerdown", (event) => {
    at = place(event);
    notice.hidden = true;
    const tip = canvas.querySelector(".vis-tooltip");
    if (tip) tip.style.visibility = "hidden";
    if (event.button || !(drawing !== event.shiftKey)) return;
    const from = kpiAt(at);
    if (!from || event.target.closest("svg, .kl-form")) return;
    event.stopPropagation();
    const begun = { ...at };
    keys.stand(from.entry);
    plane.focus({ preventScroll: true });
    drag(event, from, (target) => {
      const far = Math.hypot(at.x - begun.x, at.y - begun.y) > 12;
      if (far) ask(from.entry, target.entry);
    });
  }, true);
  const ask = (cause, effect) => send({ do: "ask", cause, effect });
  network.on("selectEdge", (event) => {
    if (!event.nodes.length && event.edges.length) send({ do: "select", edge: event.edges[0] });
  });
  network.on("click", (event) => { if (!event.nodes.length && !event.edges.length) send({ do: "select", edge: "" }); });
  network.on("dragEnd", (event) => {
    const moved = event.nodes.filter((id) => id.startsWith("kpi:"));
    if (!moved.length) return;
    const spots = network.getPositions(moved);
    const positions = Object.fromEntries(moved.map((id) => [nodes.get(id) && id.slice(4), [spots[id].x, spots[id].y]]));
    send({ do: "place", positions });
  });

  // --- the form for a new arrow, at the place where it ended
  let form = null;
  function showForm(fresh, values) {
    form?.remove();
    form = null;
    if (!fresh.cause) return;
    form = linkForm(fresh, model.get("state").frequency, values, {
      draw: (entry) => send(values?.edge ? { do: "change", edge: values.edge, fields: entry } : { do: "draw", entry }),
      close: () => { form?.remove(); form = null; plane.focus(); },
    });
    const box = plane.getBoundingClientRect();
    form.style.left = `${Math.max(8, Math.min(at.x + 14, box.width - 300))}px`;
    form.style.top = `${Math.max(8, Math.min(at.y - 20, box.height - 290))}px`;
    plane.append(form);
    form.querySelector("select").focus();
  }
  on("change:form", () => { showForm(model.get("form")); if (!model.get("form").cause) plane.focus({ preventScroll: true }); });

  // --- what is said
  on("change:notice", () => {
    const { text, kind } = model.get("notice");
    said.textContent = text || "";
    if (kind !== "refused") return;
    const why = form?.querySelector(".why");
    if (why) { why.textContent = text; return; }
    const corner = root.getBoundingClientRect();
    const box = plane.getBoundingClientRect();
    notice.textContent = text;
    notice.style.left = `${Math.max(8, Math.min(box.left - corner.left + at.x + 12, corner.width - 350))}px`;
    notice.style.top = `${Math.min(box.top - corner.top + at.y + 12, corner.height - 80)}px`;
    notice.hidden = false;
    setTimeout(() => { notice.hidden = true; }, 9000);
  });

  function showDetail() {
    const detail = model.get("detail");
    side.replaceChildren(...detailPanel(detail, model.get("state"), {
      remove: () => send({ do: "remove", edge: detail.edge }),
      edit: () => { at = { x: 60, y: 60 }; showForm({ ...detail, level: detail.at }, detail); },
      draw: () => ask(detail.cause, detail.effect),
      close: () => send({ do: "select", edge: "" }),
    }));
    if (detail.edge && edges.get(detail.edge)) network.selectEdges([detail.edge]);
    else network.unselectAll();
    root.dataset.verdict = detail.verdict || "";
    if (detail.verdict) said.textContent = `${texts(detail.ends)}: ${detail.verdict}. ${detail.reason}`;
    handles();
  }
  on("change:detail", showDetail);

  let dialog = null;
  on("change:question", () => {
    dialog?.remove();
    dialog = saveDialog(model.get("question"), {
      save: (overwrite) => send({ do: "save", confirmed: true, overwrite }),
      close: () => { dialog?.remove(); dialog = null; plane.focus(); },
    });
    if (dialog) { root.append(dialog); dialog.querySelector("button.main").focus(); }
  });

  // --- toolbar and foot
  const mode = (draws) => {
    drawing = draws;
    plane.classList.toggle("drawing", draws);
    drawButton.setAttribute("aria-pressed", draws);
    moveButton.setAttribute("aria-pressed", !draws);
  };
  const title = el("span", { class: "title" });
  const drawButton = button("Draw arrows", () => mode(true), { title: "Drag from KPI to KPI; with Shift the KPI moves instead" });
  const moveButton = button("Move KPIs", () => mode(false), { title: "Drag a KPI to another place; with Shift an arrow is drawn instead" });
  const colours = el("select", { "aria-label": "Colour by" }, el("option", { value: "verdict" }, "Colour: verdicts"), el("option", { value: "status" }, "Colour: verdicts and status"));
  colours.addEventListener("change", () => send({ do: "colour", by: colours.value }));
  const undo = button("Undo", () => send({ do: "undo" }), { title: "Ctrl+Z" });
  const redo = button("Redo", () => send({ do: "redo" }), { title: "Ctrl+Y" });
  const save = button("Save…", () => send({ do: "save" }), { class: "main", title: "Ctrl+S: shows the difference first" });
  bar.append(title, drawButton, moveButton, undo, redo, colours,
    button("What does the map deny?", () => send({ do: "deny" })), button("Fit", () => network.fit()), el("span", { class: "gap" }), save);
  mode(true);
  const samples = el("span", { class: "samples" });
  const working = el("span", { hidden: true });
  const code = el("div", { class: "code" });
  foot.append(samples, working, el("span", { class: "gap" }), said, code);
  function showState() {
    const state = model.get("state");
    title.textContent = state.title;
    undo.disabled = !state.can_undo;
    redo.disabled = !state.can_redo;
    save.disabled = !state.moved;
    save.textContent = state.unsaved ? `Save ${state.unsaved} change${state.unsaved > 1 ? "s" : ""}…` : "Save…";
    samples.replaceChildren(...(state.legend || []).map(legendSample));
    code.replaceChildren(...(state.code ? ["What you just did in code: ", el("code", {}, state.code)] : []));
    if (state.trouble) said.textContent = state.trouble;
  }
  on("change:state", showState);
  on("change:progress", () => {
    const { text, done, total, stopped } = model.get("progress");
    working.hidden = !text && !stopped;
    if (stopped) working.replaceChildren(`${stopped} `, button("Test again", () => send({ do: "test" })));
    else if (text) working.replaceChildren(el("progress", { max: total || 1, value: done }), ` ${text}, ${done} of ${total} `, button("Cancel", () => send({ do: "cancel" })));
  });
  on("change:scene", draw);

  const keys = keyboard({ plane, over, network, kpis, arrows, model, send, ask, said, at: (point) => { at = point; } });
  root.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && ["z", "y", "s"].includes(key) && !event.target.closest("input")) {
      event.preventDefault();
      send({ do: key === "s" ? "save" : key === "y" || event.shiftKey ? "redo" : "undo" });
    }
    event.stopPropagation();
  });

  // The page may be built before it has a size.
  let sized = false;
  const watch = new ResizeObserver(() => {
    if (!plane.clientWidth || !plane.clientHeight) return;
    network.redraw();
    if (!sized) network.fit();
    sized = true;
    handles();
  });
  watch.observe(plane);
  showState();
  draw();
  showDetail();
  return () => {
    watch.disconnect();
    clearTimeout(waiting);
    for (const [name, act] of listeners) model.off(name, act);
    network.destroy();
  };
}

export default { render };
