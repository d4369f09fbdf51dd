"""Measurements: printed by `make bench` and `make calibrate`, never asserted."""
