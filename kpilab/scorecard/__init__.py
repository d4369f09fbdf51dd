"""The arithmetic: what adds up, over units and over time."""
