import multiprocessing


def work(queue, lock):
    with lock:
        queue.put("from the child")


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue, lock = context.Queue(), context.Lock()
    process = context.Process(target=work, args=(queue, lock))
    process.start()
    print(queue.get())
    process.join()
