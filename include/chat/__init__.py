"""An optional chat model: what it is asked, what it answered, and what happens without it."""
