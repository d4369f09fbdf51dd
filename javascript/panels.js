// The form of a new arrow, what history says of one, and the question before saving.
import { button, el, texts } from "./parts.js";

const SIGNS = [["+", "+ more leads to more"], ["-", "− more leads to less"], ["?", "? not known"]];

export function linkForm(fresh, frequency, values, act) {
  const sign = el("select", { name: "sign" }, ...SIGNS.map(([value, text]) => el("option", { value }, text)));
  const first = el("input", { name: "first", type: "number", min: 0, step: 1, value: values?.lag?.[0] ?? 0, "aria-label": "from" });
  const last = el("input", { name: "last", type: "number", min: 0, step: 1, value: values?.lag?.[1] ?? 1, "aria-label": "to" });
  const level = el("select", { name: "level" }, ...fresh.levels.map((name) => el("option", { value: name }, name)));
  const because = el("input", { name: "because", type: "text", value: values?.because ?? "", placeholder: "why should it?" });
  sign.value = values?.sign ?? "+";
  level.value = fresh.level || fresh.levels[fresh.levels.length - 1];
  const form = el("form", { class: "kl-form", "aria-label": "Arrow" },
    el("h4", {}, texts(fresh.ends)),
    el("label", {}, "Sign", sign),
    el("label", {}, `Lag, ${frequency}s`, el("span", {}, first, " to ", last)),
    ...(fresh.note ? [el("p", {}, fresh.note)] : []),
    ...(fresh.levels.length > 1 || fresh.note ? [el("label", {}, "Level", level)] : []),
    el("label", {}, "Because", because),
    el("div", { class: "why", role: "alert" }),
    el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, values?.edge ? "Change" : "Draw"), button("Cancel", act.close)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const lowest = fresh.lowest ?? fresh.levels[fresh.levels.length - 1];
    const at = level.value === lowest && !values?.at ? null : level.value;
    act.draw({ ...(values?.edge ? {} : { cause: fresh.cause, effect: fresh.effect }), sign: sign.value, lag: [Number(first.value), Number(last.value)], at, because: because.value });
  });
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") act.close(); });
  form.addEventListener("pointerdown", (event) => event.stopPropagation());
  return form;
}

export function detailPanel(detail, state, act) {
  if (!detail.edge) return [];
  const colour = (state.legend || []).find((each) => each.name === detail.verdict)?.colour ?? "#7b3294";
  const head = [el("h4", {}, texts(detail.ends)), el("span", { class: "verdict", style: `background:${colour}` }, detail.verdict === "denied" ? "missing?" : detail.verdict)];
  if (detail.verdict === "denied") {
    return [...head, el("p", {}, detail.reason), el("div", { class: "buttons" }, button("Draw it", act.draw, { class: "main" }), button("Close", act.close))];
  }
  const lag = detail.lag[0] === detail.lag[1] ? detail.lag[0] : `${detail.lag[0]} to ${detail.lag[1]}`;
  const picture = el("div");
  picture.innerHTML = detail.profile; // drawn by the kernel from numbers; it holds no name
  return [...head,
    el("p", { class: "estimate" }, detail.estimate),
    el("p", {}, detail.reason),
    picture,
    el("p", {}, `Assumed: ${detail.sign.replace("-", "−")}, ${lag} ${state.frequency}${lag === 1 ? "" : "s"} later${detail.level ? `, tested at ${detail.level}` : ""}.`),
    ...(detail.because ? [el("p", {}, `Because: ${detail.because}`)] : []),
    el("div", { class: "buttons" }, button("Change…", act.edit), button("Delete", act.remove), button("Close", act.close))];
}

export function saveDialog(question, act) {
  if (!question.changes) return null;
  const lines = question.difference.split("\n").map((line) =>
    el("span", { class: line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "" }, `${line}\n`));
  const dialog = el("div", { class: "kl-ask", role: "dialog", "aria-modal": "true", "aria-label": "Save" },
    el("b", {}, question.overwrite ? "Somebody else changed what would be written. Nothing was saved." : "This will be written:"),
    el("ul", {}, ...question.changes.map((text) => el("li", {}, text))),
    el("pre", {}, ...lines),
    el("div", { class: "buttons" }, button(question.overwrite ? "Save over it" : "Save", () => act.save(question.overwrite), { class: "main" }), button("Cancel", act.close)));
  dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") act.close(); });
  return dialog;
}
