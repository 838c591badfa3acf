# long: yes
import ssl

context = ssl.create_default_context()
print(context.verify_mode, context.check_hostname, ssl.OPENSSL_VERSION)
