"""Links from a page to the repository around docs/ become links to the forge: the site holds docs/ alone."""
import os
import re

LINK = re.compile(r"\]\(\.\./([^)#\s]*)(#[^)\s]*)?\)")


def on_page_markdown(markdown, page, config, files):
    def link(found):
        path, anchor = found.group(1), found.group(2) or ""
        kind = "tree" if os.path.isdir(path) else "blob"
        return f"]({config['repo_url']}/{kind}/main/{path}{anchor})"

    return LINK.sub(link, markdown)
