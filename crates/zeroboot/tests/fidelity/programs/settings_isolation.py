import sys

print(sys.flags.isolated, sys.flags.ignore_environment, sys.flags.no_user_site)
print(getattr(sys.flags, "safe_path", None), sys.flags.dont_write_bytecode, sys.dont_write_bytecode)
