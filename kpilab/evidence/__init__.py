"""The statistics: what history says about the links a cascade assumes."""
