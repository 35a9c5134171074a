"""Evaluation: splits, metrics, intervals and the gate that refuses a worse model."""
