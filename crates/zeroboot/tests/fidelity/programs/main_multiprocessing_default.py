import multiprocessing

if __name__ == "__main__":
    print(multiprocessing.get_start_method(), multiprocessing.get_all_start_methods())
    print(multiprocessing.current_process().name, multiprocessing.parent_process())
