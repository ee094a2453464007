"""Drawing, editing and listing marks."""
