"""`report`: from run folders to a page that a person can read, print and hand in."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date as today
from importlib.metadata import version
from pathlib import Path
from unicodedata import category

from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.lab.latency import measure_latencies
from cnnlab.lab.report_data import data_extras, images_of, look_at_data
from cnnlab.lab.report_network import look_into, network_extras
from cnnlab.reporting import FONT_REMEDY, LANGUAGES, NO_FONT, Text, chinese_font
from cnnlab.reporting.report import (
    Cover,
    Extras,
    find_browser,
    gather,
    html_report,
    import_pptx,
    markdown_report,
    print_to_pdf,
    slides_report,
)
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_bytes

FORMATS = ("html", "pdf", "pptx", "md")
MAX_LETTERS = 200
"""Of what stands on the cover."""
NOT_ON_A_LINE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, halves of pairs (bytes that are no UTF-8), and separators of lines."""


def report(
    run_paths: Sequence[Path | str],
    *,
    out: Path | str = "report",
    lang: str | Sequence[str] = "en",
    formats: Sequence[str] = ("html",),
    title: str = "",
    course: str = "",
    author: str = "",
    date: str = "",
    root: Path | str | None = None,
    command: str = "",
    warn: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write a report of finished runs on one data set; runs that differ in the seed alone are one network.

    Args:
        run_paths: run folders.
        out: folder for the files.
        lang: `en` or `zh`, or both: latencies are then measured once.
        formats: some of `html`, `pdf` (printed by Chromium), `pptx` (slides) and `md`.
        title: of the report; made of its networks and data if empty.
        course: for which it is written.
        author: who writes it.
        date: when; today if empty.
        root: where the data lies, if not where it lay in training.
        command: what makes the report again, told in it.
        warn: takes one line about what is left out or cannot be shown.

    Returns:
        The files that were written.

    Raises:
        ConfigError: no runs, or an unknown language or format.
        RunError: a run is missing, damaged, not evaluated, or of other images than the others.
        MissingResourceError: python-pptx is missing, or the disk is full; or the PDF lacks a browser or a
            font, without which all other forms are written first.
    """
    languages = [lang] if isinstance(lang, str) else list(lang)
    for name in languages:
        if name not in LANGUAGES:
            raise ConfigError(f"--lang: must be {' or '.join(LANGUAGES)}. Received: {name}.")
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"--format: must be of {', '.join(FORMATS)}. Received: {name}.")
    for option, words in (("title", title), ("course", course), ("author", author), ("date", date)):
        if len(words) > MAX_LETTERS or any(category(letter) in NOT_ON_A_LINE for letter in words):
            raise ConfigError(
                f"--{option}: must be one line of at most {MAX_LETTERS} letters, in UTF-8. "
                f"Received: {words[:40]!r}{'...' if len(words) > 40 else ''}."
            )
    if not run_paths:
        raise ConfigError("report: name at least one run folder; `cnnlab runs` lists them.")
    say = _once(warn or (lambda line: None))
    _check_resources(languages, formats, say)
    folders = [RunFolder.open(Path(path)) for path in run_paths]
    facts = gather(folders, command=command, images_of=images_of)
    for folder in facts.left_out:
        say(f"{folder.path}: is left out: not every network has a run of its seed.")
    latencies = measure_latencies(facts.networks)
    # Found out once, and drawn in each language.
    findings = {network.name: look_into(network, root=root, warn=say) for network in facts.networks}
    images = look_at_data(facts.networks[0].folders[0], root=root, warn=say)
    place = Path(out)
    place.mkdir(parents=True, exist_ok=True)
    cover = Cover(title, course, author, date or today.today().isoformat())
    written: list[Path] = []

    def save(name: str, content: bytes) -> None:
        write_bytes(place / name, content)
        written.append(place / name)

    pages = {}
    for name in dict.fromkeys(languages):
        # Words inside pictures are drawn here and now, the others by whoever shows the report.
        drawn = Text(name if name != "zh" or chinese_font() else "en")
        extras = Extras(
            {
                network.name: replace(
                    network_extras(network, findings[network.name], drawn),
                    latency=latencies.get(network.name),
                )
                for network in facts.networks
            },
            data_extras(*images, drawn),
        )
        parts = facts, extras, cover, Text(name)
        if "html" in formats or "pdf" in formats:
            pages[name] = html_report(*parts, version=version("cnnlab")).encode(errors="backslashreplace")
        if "html" in formats:
            save(f"report.{name}.html", pages[name])
        if "pptx" in formats:
            save(f"report.{name}.pptx", slides_report(*parts))
        if "md" in formats:
            save(f"report.{name}.md", markdown_report(*parts).encode(errors="backslashreplace"))
    if "pdf" in formats:
        # At the end: where it cannot be printed, all else is there.
        try:
            for name, page in sorted(pages.items()):  # en comes before zh, which needs a font
                _check_pdf(name)
                save(f"report.{name}.pdf", _printed(page))
        except MissingResourceError as error:
            rest = f" The other files are in {place}." if written else ""
            raise MissingResourceError(f"{error}{rest}") from None
    return written


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says every line the first time only."""
    said: set[str] = set()

    def say_new(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return say_new


def _printed(page: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as place:
        path = Path(place) / "report.html"
        path.write_bytes(page)
        return print_to_pdf(path)


def _check_resources(languages: Sequence[str], formats: Sequence[str], say: Callable[[str], None]) -> None:
    """Tell what is missing before the work, not after."""
    if set(formats) == {"pdf"}:
        for name in languages:
            _check_pdf(name)
    if "pptx" in formats:
        import_pptx()
    if "zh" in languages and chinese_font() is None:
        say(NO_FONT)


def _check_pdf(lang: str) -> None:
    find_browser()
    if lang == "zh" and chinese_font() is None:
        raise MissingResourceError(
            f"PDF: no font here has Chinese letters; boxes would stand for them. {FONT_REMEDY}."
        )
