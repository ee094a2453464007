"""What covers the views for a moment: start page, loading, keys, commands."""
