"""The version of polyframe, as files and ``--version`` say it."""

__version__ = "0.1.0"
