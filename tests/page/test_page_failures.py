"""What the page says when something fails: on the screen, to a screen reader, in both languages."""

import re

import pytest
from visits import DIGITS, ONE, PHOTOS, SEVEN, THREE, api

from cnnlab.page.files import LANGUAGES, load_page_words

PHONE = {"viewport": {"width": 360, "height": 740}}
PIECES = [[(60 * x + 20, 60 * y + 20), (60 * x + 22, 60 * y + 30)] for x in range(4) for y in range(4)]
NO_PICTURE = {"mimeType": "image/png", "buffer": b"\x89PNG no"}
HOLD = """
() => {
  const decode = window.createImageBitmap;
  const held = new Promise((done) => (window.release = done));
  window.createImageBitmap = async (...given) => {
    window.createImageBitmap = decode;
    await held;
    return decode.call(window, ...given);
  };
}
"""


def test_no_guess_takes_the_place_of_a_guess_and_is_said_in_the_pages_language(answering, visit):
    opened = visit(answering, **PHONE).ready()
    page = opened.page
    short = page.locator("#short")
    opened.draw(*THREE)
    api.expect(short).to_contain_text(re.compile(rf"{DIGITS}: \d, .*{PHOTOS}: ", re.DOTALL))
    page.click("#clear")
    api.expect(short).to_be_empty()
    opened.draw(*PIECES)
    api.expect(short).to_contain_text(f"{DIGITS}: No guess: what stands out is in many pieces.")
    opened.hears(f"{DIGITS}: No guess: what stands out is in many pieces.")
    page.get_by_role("checkbox", name=PHOTOS, exact=True).uncheck()
    api.expect(short).to_have_text("No guess: what stands out is in many pieces. Draw one digit.")
    page.get_by_role("checkbox", name=PHOTOS, exact=True).check()
    api.expect(short).to_contain_text(f"{PHOTOS}: ")
    page.click("#language")
    api.expect(short).to_contain_text(
        re.compile(rf"^{DIGITS}：无法预测：笔画碎成多块.*{PHOTOS}：", re.DOTALL)  # noqa: RUF001
    )
    assert ": " not in short.inner_text()
    opened.draw(SEVEN[0])
    opened.hears(rf"{DIGITS}：.*。{PHOTOS}：.*。$")  # noqa: RUF001


def test_what_is_no_picture_is_said_until_there_is_another_and_the_newest_picture_counts(answering, visit):
    opened = visit(answering).ready()
    page = opened.page
    truth = page.locator("#truth")
    page.set_input_files("#file", {"name": f"{'name' * 40}.heic", **NO_PICTURE})
    words = r"^name\S{20,}….*heic is no picture .* Take a PNG, JPEG or WebP\.$"
    api.expect(truth).to_have_text(re.compile(words))
    opened.hears(words)
    page.click("#language")
    api.expect(truth).to_contain_text("heic 不是本浏览器能打开的图片。请使用 PNG")
    page.click("#language")
    page.evaluate(HOLD)
    page.set_input_files("#file", {"name": "large.png", **NO_PICTURE})
    api.expect(truth).to_have_text("Opening large.png …")
    page.locator("#images button").first.click()
    api.expect(truth).to_contain_text("Test image")
    page.evaluate("window.release()")
    page.evaluate(HOLD)
    page.locator("#images button").nth(1).click()
    api.expect(truth).to_have_text(re.compile(r"^Opening Test image \d+, a \d …$"))
    opened.draw(*SEVEN)  # before it is there
    api.expect(truth).to_be_empty()
    page.evaluate("window.release()")
    opened.card(DIGITS).locator(".guess strong").wait_for()
    page.click("#undo")
    api.expect(truth).to_contain_text("Test image")  # what was drawn on, and not the one that came too late


def test_a_server_that_does_not_answer_is_asked_again(computing, visit):
    opened = visit(computing).ready()
    page = opened.page
    state = page.locator("#state")
    page.select_option("#place select", "server")
    api.expect(state).to_contain_text("compute on the server")
    gone = re.compile(r"/v1/|networks\.json")
    page.route(gone, lambda route: route.abort())
    opened.draw(*THREE)
    words = "The server does not answer. Is it still running?"
    api.expect(opened.card(DIGITS).locator(".guess")).to_have_text(words)
    api.expect(state).to_contain_text(f"{words} The page asks again")
    api.expect(state).to_contain_text("choose “in this browser”")
    opened.hears(f"^{re.escape(words)}$")  # once, for all networks
    page.click("#language")
    api.expect(opened.card(PHOTOS).locator(".guess")).to_have_text("服务器没有应答。它还在运行吗？")  # noqa: RUF001
    api.expect(state).to_contain_text("服务器没有应答")
    page.unroute(gone)
    opened.card(DIGITS).locator(".guess strong").wait_for()
    api.expect(state).to_have_text("就绪。网络在服务器上计算。")
    assert opened.faults and all("ERR_FAILED" in fault for fault in opened.faults)
    opened.faults.clear()


def test_a_server_that_comes_and_goes_is_asked_once_at_a_time_and_its_proxy_is_not_it(answering, visit):
    opened = visit("about:blank")
    page = opened.page
    page.clock.install()
    page.goto(answering)
    opened.ready().draw(*THREE)
    guess = opened.card(DIGITS).locator(".guess")
    guess.locator("strong").wait_for()
    state = page.locator("#state")
    gone, tried = re.compile(r"/v1/|networks\.json"), []

    def proxy(route):
        tried.append(route.request.url)
        route.fulfill(status=504 if "/v1/" in route.request.url else 502, body="Bad Gateway")

    for _ in range(3):
        page.route(gone, proxy)
        opened.draw(*SEVEN)
        api.expect(guess).to_have_text("The server does not answer. Is it still running?")
        api.expect(state).to_contain_text("The page asks again")
        page.unroute(gone)
        opened.draw(*ONE)
        api.expect(state).to_contain_text("Ready.")
    page.route(gone, proxy)
    opened.draw(*THREE)
    api.expect(state).to_contain_text("The page asks again")
    page.wait_for_timeout(500)  # until nothing that was asked before is under way
    for _ in range(2):
        tried.clear()
        page.clock.fast_forward(3000)
        page.wait_for_timeout(500)
        assert [url.rpartition("/")[2] for url in tried] == ["networks.json"]
        assert "The page asks again" in state.inner_text()
    page.unroute(gone)
    page.clock.fast_forward(3000)
    guess.locator("strong").wait_for()
    api.expect(state).to_contain_text("Ready.")
    assert opened.faults and all(re.search("50[24]", fault) for fault in opened.faults)
    opened.faults.clear()


@pytest.mark.parametrize("missing", ["page/runtime/ort-wasm-simd-threaded.wasm", "page/networks/photos.onnx"])
def test_a_file_that_the_host_does_not_give_is_named(missing, computing, visit):
    opened = visit("about:blank")
    page = opened.page

    def without_server(route):
        site = route.fetch().json()
        route.fulfill(json={**site, "server": False})

    methods = []

    def not_found(route):
        methods.append(route.request.method)
        route.fulfill(status=404)

    page.route("**/networks.json", without_server)
    page.route(f"**/{missing}", not_found)
    page.goto(computing)
    words = f"The host does not give {missing}."
    api.expect(opened.card(PHOTOS).locator(".guess")).to_have_text(words)
    if missing.endswith(".wasm"):
        assert methods[-1] == "HEAD"  # large, and not loaded only to see whether it is there
        api.expect(page.locator("#state")).to_have_text(f"The networks could not be loaded: {words}")
    else:
        opened.ready().draw(*THREE)
        opened.card(DIGITS).locator(".guess strong").wait_for()
        api.expect(opened.card(PHOTOS).locator(".guess")).to_have_text(words)
    page.click("#language")
    api.expect(opened.card(PHOTOS).locator(".guess")).to_have_text(f"网站没有提供文件 {missing}。")
    opened.faults.clear()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_that_the_host_does_not_give_are_named_in_the_other_language(lang, answering, visit):
    other = next(one for one in LANGUAGES if one != lang)
    opened = visit("about:blank")
    page = opened.page
    page.route(f"**/words.{lang}.json", lambda route: route.fulfill(status=404, body="<h1>no</h1>"))
    page.goto(f"{answering}?lang={lang}")
    opened.ready().draw(*THREE)
    opened.card(DIGITS).locator(".guess strong").wait_for()
    named = load_page_words(other)["answers"]["file"].format(file=f"page/words.{lang}.json")
    api.expect(page.locator("#state")).to_contain_text(named)
    assert page.title().startswith(load_page_words(other)["page"]["title"])
    assert not page.locator("#language").is_visible()
    page.unroute(f"**/words.{lang}.json")
    page.goto(answering)
    opened.ready()
    assert page.title().startswith(load_page_words(lang)["page"]["title"])  # what was asked for is kept
    assert page.locator("#language").is_visible()
    opened.faults.clear()


def test_without_any_words_plain_english_says_so(answering, visit):
    opened = visit("about:blank")
    page = opened.page
    page.route("**/words.*.json", lambda route: route.fulfill(body="<h1>no such page</h1>"))
    page.goto(answering)
    words = load_page_words("en")
    named = words["answers"]["file"].format(file="page/words.en.json")
    api.expect(page.locator("#state")).to_have_text(words["state"]["failed"].format(reason=named))
