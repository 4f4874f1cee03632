"""The page in a browser, from the disk, without a network."""

import pytest

from cnnlab import lab
from own_browser import open_browser

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")


@pytest.fixture(scope="module")
def page_path(report_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    (path,) = lab.report(report_runs, out=out)
    return path


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


class Visit:
    """A page that is open, and what went wrong on it."""

    def __init__(self, browser, path, **options):
        self.faults, self.asked = [], []
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.fixture
def visit(browser, page_path):
    with Visit(browser, page_path, viewport={"width": 1280, "height": 900}) as visit:
        yield visit
        assert visit.faults == []


def column(page, table, index):
    return page.locator(f"{table} >> tbody tr td:nth-child({index})").all_inner_texts()


@pytest.mark.parametrize("width", [360, 1280])
def test_diagrams_fit_the_page_as_long_as_they_can_be_read(browser, page_path, width):
    with Visit(browser, page_path, viewport={"width": width, "height": 900}) as visit:
        sizes = visit.page.eval_on_selector_all(
            ".diagram",
            "all => all.map((one) => [one.querySelector('img').clientWidth,"
            " Number(one.querySelector('img').getAttribute('width')), one.clientWidth, one.scrollWidth])",
        )
    assert sizes
    for shown, natural, room, scrolled in sizes:
        assert shown == pytest.approx(min(natural, max(room, 0.7 * natural)), abs=1)
        assert (scrolled > room) == (0.7 * natural > room + 1)


def test_nothing_is_loaded_and_every_picture_is_there(visit):
    assert [url for url in visit.asked if not url.startswith(("file://", "data:"))] == []
    assert sum(url.startswith("file://") for url in visit.asked) == 1
    sizes = visit.page.evaluate("[...document.images].map((image) => [image.naturalWidth, image.alt.length])")
    assert len(sizes) > 20 and all(width > 0 and words > 3 for width, words in sizes)


def test_a_table_is_sorted_both_ways_and_says_so(visit):
    table = "#classes table >> nth=0"
    before = column(visit.page, table, 2)
    head = visit.page.locator(f"{table} >> th >> nth=1")
    button = head.locator("button")
    button.press("Enter")  # by keyboard as well as by pointer
    numbers = [float(text.rstrip("%")) for text in column(visit.page, table, 2) if text.endswith("%")]
    assert head.get_attribute("aria-sort") == "ascending" and numbers == sorted(numbers)
    button.click()
    numbers = [float(text.rstrip("%")) for text in column(visit.page, table, 2) if text.endswith("%")]
    assert head.get_attribute("aria-sort") == "descending" and numbers == sorted(numbers, reverse=True)
    assert sorted(before) == sorted(column(visit.page, table, 2))
    visit.page.locator(f"{table} >> th >> nth=2 >> button").click()
    assert head.get_attribute("aria-sort") is None


def test_the_first_network_has_no_p_and_comes_last_by_it(visit):
    table = "#results table >> nth=0"
    place = 1 + visit.page.locator(f"{table} >> thead th").all_inner_texts().index("p")
    visit.page.locator(f"{table} >> thead th:nth-child({place}) button").click()
    assert column(visit.page, table, place)[-1] == "" and column(visit.page, table, place)[0] != ""


def test_a_matrix_is_there_in_numbers_for_the_keyboard(visit):
    summary = visit.page.locator("#classes details summary >> nth=0")
    table = visit.page.locator("#classes details table >> nth=0")
    assert not table.is_visible()
    summary.press("Enter")
    assert table.is_visible()
    cells = visit.page.locator("#classes svg.matrix >> nth=0").locator("rect title").all_text_contents()
    told = table.locator("tbody td").all_inner_texts()
    assert [cell.rpartition(": ")[2] for cell in cells] == told and len(told) == 100


def test_every_row_of_a_table_has_a_heading(visit):
    rows = visit.page.locator("tbody tr")
    assert rows.count() == visit.page.locator('tbody tr > th[scope="row"]:first-child').count() > 50


def test_the_theme_switches_there_and_back(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(ground)
    visit.page.click("#theme")
    dark = visit.page.evaluate(ground)
    assert light == "rgb(255, 255, 255)" and dark != light
    assert visit.page.get_attribute("#theme", "aria-pressed") == "true"
    visit.page.click("#theme")
    assert visit.page.get_attribute("#theme", "aria-pressed") == "false"
    assert visit.page.evaluate(ground) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_printed_is_dark_on_white_whatever_the_theme(browser, page_path, scheme):
    with Visit(browser, page_path, color_scheme=scheme) as visit:
        looks = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        for _ in range(2):
            visit.page.click("#theme")
            visit.page.emulate_media(media="print")
            assert visit.page.evaluate(looks) == ["rgb(27, 27, 27)", "rgb(255, 255, 255)"]
            # A diagram is there once, in rows as wide as the paper.
            shown = visit.page.locator(".diagram img").evaluate_all(
                "all => all.map((one) => one.clientWidth > 0)"
            )
            assert shown == [False, True] * 2
            visit.page.emulate_media(media="screen")


def test_points_say_what_they_are_to_a_pointer_and_to_the_keyboard(visit):
    said = visit.page.locator("#said")
    chart = visit.page.locator("#training svg.chart[tabindex] >> nth=0")
    point = chart.locator(".point >> nth=0")
    point.scroll_into_view_if_needed()
    visit.page.wait_for_timeout(500)  # scrolling, which ends late on a busy machine, ends what a point says
    point.hover()
    words = point.locator("title").text_content()
    assert words and "convnet_mnist, seed 0" in words
    api.expect(said).to_have_text(words)
    visit.page.mouse.move(0, 0)
    api.expect(said).to_have_text("")
    chart.focus()
    visit.page.keyboard.press("ArrowDown")
    other = chart.locator("g.line >> nth=1 >> .point >> nth=0")
    api.expect(said).to_have_text(other.locator("title").text_content() or "nothing")
    visit.page.keyboard.press("Escape")
    api.expect(said).to_have_text("")


def test_mistakes_are_filtered_and_counted(visit):
    filters = visit.page.locator("p.filter >> nth=0")
    tiles = visit.page.locator("#gallery1 li")
    truth = tiles.first.get_attribute("data-true")
    total = tiles.count()
    filters.locator("select >> nth=0").select_option(truth)
    shown = [tile for tile in tiles.all() if tile.is_visible()]
    assert shown and all(tile.get_attribute("data-true") == truth for tile in shown)
    assert filters.locator("output").inner_text() == f"{len(shown)} of {total}"
    filters.locator("select >> nth=0").select_option("")
    assert all(tile.is_visible() for tile in tiles.all())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways(browser, page_path, scheme):
    size = {"width": 360, "height": 740}
    with Visit(browser, page_path, viewport=size, color_scheme=scheme) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        smallest = visit.page.evaluate(
            "Math.min(...[...document.querySelectorAll('.chart text')].map("
            "(text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a || 99))"
        )
        assert smallest >= 8.0 and visit.faults == []
