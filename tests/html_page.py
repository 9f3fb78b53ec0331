"""A report's page, taken apart: its tags close in the order in which they open."""

from html.parser import HTMLParser

VOID = frozenset({"meta", "br", "hr", "line", "path"})
ACTIVE = frozenset({"script", "link", "img", "iframe", "object", "base", "form"})


class Page(HTMLParser):
    """Tags, attributes and text of a page that needs nothing but itself."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(source)
        self.close()
        assert not self.open
        assert source.startswith("<!doctype html>\n")
        assert not ACTIVE.intersection(self.tags)
        links = ("src", "href", "srcset", "data", "action")
        assert not [key for key, _ in self.attributes if key.startswith("on") or key in links]
        for outside in ("http:", "https:", "url(", "@import"):
            assert outside not in source

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
