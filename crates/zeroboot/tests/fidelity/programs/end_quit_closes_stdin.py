# stdin: "unread"
print("before")
quit("leaving")
