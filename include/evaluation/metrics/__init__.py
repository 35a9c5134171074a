"""Ranking metrics, one a file.  Each takes hits and sizes and returns one value a user, or one for all."""
