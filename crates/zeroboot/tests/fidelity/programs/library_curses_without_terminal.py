# long: yes
import curses

try:
    curses.setupterm("xterm")
    print(curses.tigetnum("colors") > 0)
except curses.error as error:
    print(error)
