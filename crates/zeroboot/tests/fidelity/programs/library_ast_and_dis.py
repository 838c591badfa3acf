# long: yes
import ast
import dis

print(ast.dump(ast.parse("x = 1 + y"), indent=1))
dis.dis(compile("x + 1", "<made>", "eval"))
print(ast.literal_eval("{'a': [1, (2, 3)]}"), ast.unparse(ast.parse("a  =  b")))
