"""The File menu: scans, tables, PACS, movies, the audit log."""
