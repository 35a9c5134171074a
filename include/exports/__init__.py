"""Lists leave the lake: folders, Postgres, Redis or Valkey."""
