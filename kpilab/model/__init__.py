"""What is claimed (the cascade) and what happened (the history)."""
