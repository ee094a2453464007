"""Reader studies: the protocol, each reader's order, the log of reads, the table of results."""
