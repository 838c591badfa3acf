exec("a b c\n")
