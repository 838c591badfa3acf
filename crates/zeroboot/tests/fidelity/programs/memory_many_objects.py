# long: yes
values = [str(n) for n in range(500000)]
print(len(values), sum(map(len, values)))
