"""Tables of cases with what models said of them: read, joined, filtered, summed up as curves."""
