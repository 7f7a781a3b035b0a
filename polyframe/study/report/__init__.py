"""A study's report: one HTML file, Markdown, CSV, JSON and charts as SVG and PNG.

``write.write_report`` makes all of them. ``source`` reads a study's folder;
``rows`` has the data of the charts in ``charts``; ``tables`` has the tables that
``page`` (HTML) and ``markdown`` share; ``results`` is for other programs. Names in a
study's folder may come from a stranger: each file escapes them in its own way.
"""
