# long: yes
import random

random.seed(42)
print(random.random(), random.randint(1, 100), random.sample(range(50), 5), random.gauss(0, 1))
values = list(range(10))
random.shuffle(values)
print(values, random.Random("text").choice("abc"))
