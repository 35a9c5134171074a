"""Retrieval: each module is one way to score every item for a block of users."""
