import subprocess
import sys

command = [sys.executable, "-c", "import mxnet"]
done = subprocess.run(command, capture_output=True, text=True)
errors = [
    line for line in done.stderr.splitlines() if line.startswith("AttributeError")
]
print(*errors)
assert errors and "'numpy' has no attribute 'bool'" in errors[0]
