"""Item texts and their embeddings, cached by model and text hash."""
