"""The page about a result: its content, as HTML and as PDF."""
