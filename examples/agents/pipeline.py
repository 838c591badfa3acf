"""Runs other programs: a command with input, a pipe in the shell, and one that fails."""

import subprocess

WORDS = "pear\napple\nfig\napple\npear\napple\n"

ordered = subprocess.run(["sort"], input=WORDS, stdout=subprocess.PIPE, text=True, check=True)
print("sorted:", " ".join(ordered.stdout.split()))

counted = subprocess.run(
    "sort | uniq -c | sort -rn | head -n 1",
    shell=True,
    input=WORDS,
    stdout=subprocess.PIPE,
    text=True,
    check=True,
)
count, word = counted.stdout.split()
print(f"most frequent: {word}, {count} times")

failed = subprocess.run(["sh", "-c", "exit 3"])
print("exit status of the last:", failed.returncode)
