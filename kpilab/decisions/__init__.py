"""The consequences: what follows from a change, which actions to take."""
