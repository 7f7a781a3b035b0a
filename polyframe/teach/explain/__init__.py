"""Explanations: what a name of polyframe, or of a framework, means.

``topics`` finds what a name stands for, ``assemble.explain`` puts together what there is
to say of it: the same text for ``polyframe explain``, for ``docs/catalogue`` and as data.
"""
