"""Controls for a notebook: the only room that imports ipywidgets and anywidget."""
