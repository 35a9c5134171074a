"""Ranking: from source scores to an ordered, rule-abiding, diverse list."""
