# needs: program git
import subprocess

script = """
git init -q -b main work && cd work
git config user.name Somebody && git config user.email some@body
echo text > file && git add file && git commit -q -m 'first' && git status --short && git log --format=%s
git clone -q . ../copy && git -C ../copy log --format='%an %s'
"""
done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
print(done.stdout, done.stderr, done.returncode)
