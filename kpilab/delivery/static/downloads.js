// Buttons that save what a panel shows. The kernel is asked for the text when a button is pressed; the file is
// made here, so that it works wherever widgets do.
const LABELS = { svg: "Chart as SVG", png: "Chart as PNG", csv: "Table as CSV" };
const TYPES = { svg: "image/svg+xml", csv: "text/csv" };

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function drawn(svg) {
  const picture = new Image();
  picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * picture.naturalWidth;
  canvas.height = 2 * picture.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function render({ model, el }) {
  el.style.display = "flex";
  for (const kind of model.get("kinds")) {
    const button = document.createElement("button");
    button.className = "lm-Widget jupyter-widgets jupyter-button widget-button";
    button.style.width = "auto";
    button.textContent = LABELS[kind];
    button.onclick = () => model.send({ kind });
    el.append(button);
  }
  const answer = async ({ kind, name, text }) =>
    save(kind === "png" ? await drawn(text) : new Blob([text], { type: TYPES[kind] }), name);
  model.on("msg:custom", answer);
  return () => model.off("msg:custom", answer);
}

export default { render };
