"""Four threads take numbers from one queue and put those that are prime into another."""

import queue
import threading


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def work(tasks, primes):
    while True:
        number = tasks.get()
        if number is None:
            return
        if is_prime(number):
            primes.put(number)


tasks, primes = queue.Queue(), queue.Queue()
workers = [threading.Thread(target=work, args=(tasks, primes)) for _ in range(4)]
for worker in workers:
    worker.start()
for number in range(5000):
    tasks.put(number)
for _ in workers:
    tasks.put(None)
for worker in workers:
    worker.join()

found = sorted(primes.get() for _ in range(primes.qsize()))
print(f"{len(found)} primes below 5000, the largest is {found[-1]}")
