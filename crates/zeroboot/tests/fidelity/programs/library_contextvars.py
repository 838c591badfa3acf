# long: yes
import contextvars
import threading

variable = contextvars.ContextVar("variable", default="default")
variable.set("main")
thread = threading.Thread(target=lambda: print(variable.get()))
thread.start()
thread.join()
print(contextvars.copy_context().run(variable.get), len(contextvars.copy_context()))
