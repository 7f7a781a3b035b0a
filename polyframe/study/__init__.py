"""Comparison studies: a recipe trained by several contestants, seed by seed, fairly.

``polyframe compare`` is a thin command over it. A plan (``plan``) has cells, each run in a
process of its own (``worker``) by an executor (``executors``) and kept as a record in the
study's folder (``folder``). ``analysis`` turns records into estimates with intervals, and
``report`` shows them.
"""
