"""Counts to chi-square. Knows nothing of physics."""
