import unicodedata

for form in ["NFC", "NFD", "NFKC", "NFKD"]:
    print(form, ascii(unicodedata.normalize(form, "\u00e9\ufb01\u2460")))
print(unicodedata.name("\u00df"), unicodedata.unidata_version)
