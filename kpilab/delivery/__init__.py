"""What people see: maps, charts, widgets and reports."""
