import io
import sys

sys.stderr = io.StringIO()
print("lost", file=sys.stderr)
raise ValueError("where does it go")
