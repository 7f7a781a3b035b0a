"""What a step costs: polyframe's programs beside hand-written ones and other tools.

Every contestant runs in a process of its own with the same threads, dtype and batch;
they take turns, so that a machine that slows down slows them all.
"""
