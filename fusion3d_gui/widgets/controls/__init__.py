"""Small general-purpose controls."""
