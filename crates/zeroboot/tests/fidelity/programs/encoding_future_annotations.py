from __future__ import annotations


def work(a: Missing) -> Unknown:
    return a


print(work.__annotations__)
