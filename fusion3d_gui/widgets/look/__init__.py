"""Theme, colours, icons and formatted texts."""
