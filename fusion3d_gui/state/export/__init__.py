"""Files written from what the window shows."""
