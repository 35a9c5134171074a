"""The recommender: what the nightly, the refresh, the evaluation and the benchmark all call."""
