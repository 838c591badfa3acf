import locale

print(locale.setlocale(locale.LC_ALL))
print(locale.setlocale(locale.LC_ALL, ""))
print(locale.getlocale(), locale.localeconv()["decimal_point"])
try:
    locale.setlocale(locale.LC_ALL, "no_WHERE")
except locale.Error as error:
    print(error)
print(locale.strxfrm("a") < locale.strxfrm("b"), locale.format_string("%d", 1234567, grouping=True))
