"""One page that fetches nothing, and charts as SVG in it: what `simulate --out` and `make load` write.

charts.py  series as SVG
page.py    figures, tables and tiles around them; page.html has the colours
"""
