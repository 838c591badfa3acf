# long: yes
try:
    import readline
except ImportError as error:
    print(error)
else:
    print(readline.get_history_length(), readline.get_current_history_length())
