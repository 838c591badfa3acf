import multiprocessing

print("name", __name__)
multiprocessing.set_start_method("spawn", force=True)
if __name__ == "__main__":
    process = multiprocessing.Process(target=print, args=("in the child",))
    process.start()
    process.join()
    print(process.exitcode)
