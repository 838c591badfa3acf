import subprocess

script = """
set -e
f() { echo "in $1"; }
f function
for i in 1 2 3; do printf '%s ' "$i"; done; echo
cat <<EOF
here $((6 * 7))
EOF
echo one > a.txt; cat a.txt | wc -l | tr -d ' '
test -d /tmp && echo tmp
trap 'echo trapped' EXIT
"""
print(subprocess.check_output(["sh", "-c", script], text=True))
