größe = 3
ﬁ = 4
print(größe, fi, "größe" in globals())
