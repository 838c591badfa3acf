import subprocess

data = bytes(range(256)) * 4096
done = subprocess.run(["cat"], input=data, capture_output=True)
print(len(done.stdout), done.stdout == data)
