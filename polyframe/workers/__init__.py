"""Work in a process of its own, in this or another Python interpreter."""
