"""kpilab."""
