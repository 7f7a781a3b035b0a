"""A study's worker: ``python -m polyframe.study.worker``, in a contestant's Python.

It reads one JSON object a line on standard input: ``{"protocol": 1, "do": "about"}``,
``"cell"`` or ``"trace"``. It may send ``{"event": …}`` and ends each answer with a message
that has the key "result". It ends as soon as its standard input does, even while it
trains: whoever asked is gone. What frameworks print goes to standard error.
"""
