"""What items are and what people are after, in labels and in words: see docs/understanding.md."""
