"""What a fairness lint reads out of training programs, without running them.

``calls.yaml`` says which calls decide what, ``settings.yaml`` what each setting is.
``values`` resolves names and constants, ``extract`` reads a program, ``usage`` what it
does wrong by itself, ``recipes`` a recipe. ``polyframe.study.check`` compares them.
"""
