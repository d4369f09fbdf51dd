// Ctrl+Z and Ctrl+Y (or Ctrl+Shift+Z) wherever the page of an editor has the focus, but for where somebody types.
function render({ model, el }) {
  const press = (event) => {
    if (!(event.ctrlKey || event.metaKey) || !el.parentElement?.contains(event.target)) return;
    if (event.target.closest("textarea, input:not([type=checkbox])")) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ do: key === "y" || event.shiftKey ? "redo" : "undo" });
  };
  document.addEventListener("keydown", press, true);
  return () => document.removeEventListener("keydown", press, true);
}

export default { render };
