"""A font with Chinese letters, where this machine has one."""

from functools import cache
from pathlib import Path

FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
    "SimSun",
)
"""In the order of preference; fonts without serifs first."""

_IN_FILE_NAMES = ("notosanscjk", "notosanssc", "sourcehansans", "msyh", "pingfang", "hiragino", "wqy")
_IN_FILE_NAMES += ("droidsansfallback", "simhei", "notoserifcjk", "simsun")
REMEDY = "Install one (on Debian: apt install fonts-noto-cjk)"
NO_FONT = f"No font here has Chinese letters: the words inside pictures are English. {REMEDY}."


@cache
def chinese_font() -> tuple[str, Path] | None:
    """Return the family and the file of a font with Chinese letters; None where there is none.

    matplotlib remembers the fonts that were there when it first looked; what came since is added.
    """
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(font_manager.findSystemFonts()):
        if path not in known and any(part in Path(path).name.lower() for part in _IN_FILE_NAMES):
            manager.addfont(path)
    entries = [entry for entry in manager.ttflist if entry.weight == 400 and Path(entry.fname).exists()]
    for family in FAMILIES:
        for entry in entries:
            if entry.name == family:
                return family, Path(entry.fname)
    return None
