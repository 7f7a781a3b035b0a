"""Mechanical mutation of the programs that backends write: what the checks do not see."""
