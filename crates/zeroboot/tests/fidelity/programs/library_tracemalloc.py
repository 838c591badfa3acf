import tracemalloc

tracemalloc.start()
kept = [bytes(1000) for _ in range(10)]
snapshot = tracemalloc.take_snapshot()
ours = [stat for stat in snapshot.statistics("lineno") if stat.traceback[0].filename.endswith("library_tracemalloc.py")]
print(sum(stat.count for stat in ours) >= 10, tracemalloc.is_tracing())
tracemalloc.stop()
