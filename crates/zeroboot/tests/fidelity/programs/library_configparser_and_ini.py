# long: yes
# files: yes
import configparser

config = configparser.ConfigParser()
config["one"] = {"a": "1", "b": "%(a)s2"}
with open("x.ini", "w") as file:
    config.write(file)
config.read("x.ini")
print(config["one"]["b"], config.sections())
config["missing"]
