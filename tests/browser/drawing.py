"""What a person does on the map with the mouse."""

WHERE = """kpi => {
  const canvas = document.querySelector('.kl-plane');
  const network = canvas.klNetwork;
  const box = canvas.getBoundingClientRect();
  const at = network.canvasToDOM(network.getPosition('kpi:' + kpi));
  return [box.left + at.x, box.top + at.y];
}"""
VERDICTS = ("supported", "contradicted", "inconclusive", "untestable")


def drag(page, cause, effect):
    start, end = page.evaluate(WHERE, cause), page.evaluate(WHERE, effect)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=5)
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def verdict_shown(page):
    """Wait for a verdict of the chosen arrow and return it."""
    quoted = ", ".join(f".kl-map[data-verdict='{verdict}']" for verdict in VERDICTS)
    page.locator(quoted).wait_for()
    return page.locator(".kl-side .verdict").inner_text()
