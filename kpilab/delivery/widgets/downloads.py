"""Chart and table as files of the browser: the page makes them when a button is pressed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from kpilab.delivery.charts import Chart

_STATIC = Path(__file__).parent.parent / "static"


class Downloads(anywidget.AnyWidget):
    """Buttons for the chart (SVG, PNG) and the table (CSV) as they are when a button is pressed.

    The browser saves the file where it saves downloads, in JupyterLab as in Voilà; the PNG is drawn there from
    the same SVG, at twice its size.

    Parameters
    ----------
    chart, table, name : callable
        Give what is to be saved, and under which name, without its ending.
    kinds : tuple of str
        Which buttons there are.
    """

    _esm = _STATIC / "downloads.js"
    kinds: Any = traitlets.List().tag(sync=True)

    def __init__(
        self,
        chart: Callable[[], Chart],
        table: Callable[[], pd.DataFrame],
        name: Callable[[], str],
        *,
        kinds: tuple[str, ...] = ("svg", "png", "csv"),
    ):
        super().__init__(kinds=list(kinds))
        self._chart, self._table, self._name = chart, table, name
        self.on_msg(self._heard)

    def _heard(self, widget: object, message: dict[str, Any], buffers: object) -> None:
        kind = str(message.get("kind"))
        if kind in self.kinds:
            self.send({"kind": kind, "name": f"{self._name()}.{kind}", "text": self.text_of(kind)})

    def text_of(self, kind: str) -> str:
        """Return what the browser makes a file of: the table for `csv`, else the chart."""
        return self._table().to_csv(index=False) if kind == "csv" else self._chart().svg
