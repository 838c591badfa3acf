import subprocess

script = "printf 'b 2\\na 1\\n' | sort | awk '{print $2, $1}' | sed 's/1/one/'; echo abc | md5sum; seq 3 | paste -sd+ ; date -u -d @0 +%FT%TZ; basename /a/b.c .c"
print(subprocess.check_output(["sh", "-c", script], text=True))
