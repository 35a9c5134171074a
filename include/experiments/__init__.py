"""Experiments: who is in which variant, and what can be read from what they did."""
