# stdin: "p value\nc\n"
value = 42
breakpoint()
print("after")
