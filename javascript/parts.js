// Elements made of names and texts; a text is always text, never markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export function button(text, act, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

export const texts = (ends) => (ends || []).join(" → ");

export function legendSample({ name, sign, colour, width, dashes }) {
  const line = svg("line", { x1: 1, x2: 39, y1: 6, y2: 6, stroke: colour, "stroke-width": width, "stroke-dasharray": (dashes || []).join(" ") });
  return el("span", { class: "sample", style: "margin-right:12px" }, svg("svg", { width: 40, height: 12, "aria-hidden": "true" }, line), sign ? `${sign} ${name}` : name);
}
