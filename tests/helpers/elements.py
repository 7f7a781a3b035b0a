"""What is in a page of HTML."""

from __future__ import annotations

from html.parser import HTMLParser


class Elements(HTMLParser):
    """All start tags of a page, and the text outside of scripts and styles."""

    def __init__(self, page_text):
        super().__init__()
        self.tags, self.text, self.inside = [], "", ""
        self.feed(page_text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data
