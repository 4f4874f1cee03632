"""The page to draw on: HTML, style, JavaScript modules and words, for a server and for a static folder.

`web/` is the page as a browser gets it; `runtime/`, where `make page-runtime` has put it, is what the browser
computes with.
"""

from cnnlab.page.files import RUNTIME, SECURITY, content_type, has_runtime, needed_runtime, page_files
from cnnlab.page.gallery import GalleryImage, gallery_json, read_gallery
from cnnlab.page.networks import gallery_beside, networks_json

__all__ = [
    "RUNTIME",
    "SECURITY",
    "GalleryImage",
    "content_type",
    "gallery_beside",
    "gallery_json",
    "has_runtime",
    "needed_runtime",
    "networks_json",
    "page_files",
    "read_gallery",
]
