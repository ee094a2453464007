"""The table of cases: what it lists, in which order, what is selected; thumbnails."""
