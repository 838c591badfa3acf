# long: yes
import io
import tokenize

for token in tokenize.generate_tokens(io.StringIO("x = 'a'  # note\n").readline):
    print(token)
