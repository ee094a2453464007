"""The page with the table of cases and its charts."""
