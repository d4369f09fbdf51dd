// Says on the page that the kernel behind it has gone: controls that nobody hears look as alive as ever.
// Whoever clicks beside this notice asks the kernel for a sign of life.
const PATIENCE = 5000;

function render({ model, el }) {
  let sent = 0;
  let waiting = null;
  const box = document.createElement("div");
  box.className = "kl-lost";
  box.setAttribute("role", "alert");
  box.style.cssText = "background:#fdecea;border:1px solid #b2182b;border-radius:4px;padding:6px 10px;line-height:1.4";
  box.hidden = true;
  el.append(box);

  function say(what) {
    const told = document.createElement("b");
    told.textContent = what;
    box.replaceChildren(told, ` ${model.get("remedy")}`);
    box.hidden = false;
  }
  const gone = () => say("The kernel was restarted or has gone: nothing that is done here is heard any more.");
  const alive = () => { clearTimeout(waiting); box.hidden = true; };
  const ask = (event) => {
    if (!el.parentElement?.contains(event.target)) return;
    clearTimeout(waiting);
    sent += 1;
    try {
      model.send({ number: sent });
    } catch {
      gone();
      return;
    }
    waiting = setTimeout(() => say("The kernel has not answered for five seconds: it is busy, or it was restarted."), PATIENCE);
  };
  model.on("change:answered", alive);
  model.on("comm_live_update", gone);
  document.addEventListener("pointerdown", ask, true);
  return () => {
    clearTimeout(waiting);
    document.removeEventListener("pointerdown", ask, true);
    model.off("change:answered", alive);
    model.off("comm_live_update", gone);
  };
}

export default { render };
