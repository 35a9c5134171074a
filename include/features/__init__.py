"""Features: the confidence formula, the call of the Spark job, its tables as the recommender's matrices."""
