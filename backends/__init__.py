"""The backends that polyframe ships, one folder each."""
