# long: yes
import email.message
import urllib.parse

message = email.message.EmailMessage()
message["Subject"] = "h\u00e4"
message.set_content("text\n")
print(message.as_bytes())
print(urllib.parse.urlparse("http://u:p@h:1/p?q=1#f"), urllib.parse.quote("a b/\u00e4"))
