"""``python -m polyframe`` is the command ``polyframe``."""

from polyframe.cli import main

if __name__ == "__main__":
    main()
