if True:
	value = 3
	print(value,	1 / 0,	value)
