# long: yes
import html
import xml.etree.ElementTree as tree

root = tree.fromstring("<a x='1'><b>text &amp; more</b></a>")
print(tree.tostring(root), [each.tag for each in root.iter()], html.escape("<a href='x'>"))
tree.fromstring("<a><b></a>")
