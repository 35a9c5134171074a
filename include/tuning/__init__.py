"""Tuning: search on an inner split of the training data, never on the test window."""
