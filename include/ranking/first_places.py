"""The places of a list that count most."""

K = 10  # what a user sees without scrolling: tuning, evaluation and gates look at these places
