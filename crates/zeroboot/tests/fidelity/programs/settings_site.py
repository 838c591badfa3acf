import site
import sys
import sysconfig

print(site.ENABLE_USER_SITE, "site" in sys.modules, sys.prefix == sys.base_prefix)
print(sysconfig.get_paths()["stdlib"], sysconfig.get_platform())
