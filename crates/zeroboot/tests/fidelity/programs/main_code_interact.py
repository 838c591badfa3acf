# stdin: "1 + 1\nx = 3\nx\n1 / 0\n"
import code

code.interact(banner="begin", exitmsg="end", local={})
