"""Commands that talk to a PACS, a server or its clients."""
