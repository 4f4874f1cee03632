"""The page as people use it, in a browser: drawing, pictures, networks, languages, themes, no network."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from visits import DIGITS, ONE, PHOTOS, SEVEN, THREE, Visit, api, briefly, hosting, serving

from cnnlab import lab
from cnnlab.export import load_export

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def png(width=60, height=80):
    """A photograph of sorts: dark strokes on lit paper, in colour."""
    y, x = np.mgrid[0 : 1 : complex(0, height), 0 : 1 : complex(0, width)]
    ink = (np.abs(x - 0.5) < 0.06) & (y > 0.15) & (y < 0.85)
    pixels = np.stack([230 - 40 * x, 220 - 30 * y, 200 + 0 * x], axis=-1) - 150 * ink[..., None]
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_digits_drawn_by_hand_are_known_and_browser_and_server_agree(mnist_file, visit, runtime):
    with serving(mnist_file) as address:
        opened = visit(address).ready()
        api.expect(opened.card(DIGITS).locator(".guess")).to_contain_text("the paper is blank")
        for label, strokes in (("3", THREE), ("7", SEVEN), ("1", ONE)):
            opened.page.click("#clear") if opened.page.is_enabled("#clear") else None
            opened.draw(*strokes)
            opened.says(DIGITS, label)
            opened.page.select_option("#place select", "browser")
            in_browser = opened.probs(DIGITS)
            opened.page.select_option("#place select", "server")
            api.expect(opened.card(DIGITS).locator(".took")).to_contain_text("way there")
            opened.says(DIGITS, label)
            on_server = opened.probs(DIGITS)
            assert in_browser != on_server and np.abs(np.subtract(in_browser, on_server)).max() < 1e-4
        api.expect(opened.page.locator("#said")).to_have_text(re.compile(f"{DIGITS}: 1, [>9]"))


def test_pictures_come_by_file_paste_and_drop_and_are_answered_as_by_the_exported_file(
    computing, site, visit
):
    expected = {
        title: load_export(site / name, threads=1)
        for title, name in ((DIGITS, "digits.onnx"), (PHOTOS, "photos.onnx"))
    }
    opened = visit(computing).ready()
    page = opened.page
    content = png()

    def check():
        for title, network in expected.items():
            opened.card(title).locator(".guess strong").wait_for()
            wanted = network.probs(network.prepare(Image.open(io.BytesIO(content)))[None])[0]
            assert np.abs(opened.probs(title) - wanted).max() < 1e-4, title

    page.set_input_files("#file", {"name": "photo.png", "mimeType": "image/png", "buffer": content})
    check()
    for event, kind in (("paste", "ClipboardEvent"), ("drop", "DragEvent")):
        page.click("#clear")
        api.expect(opened.card(DIGITS).locator(".guess strong")).to_have_count(0)
        content = png(70 if event == "paste" else 90, 64)
        page.evaluate(
            """([event, kind, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([Uint8Array.from(bytes)], "a.png", { type: "image/png" }));
              const options = kind === "DragEvent" ? { dataTransfer: data } : { clipboardData: data };
              Object.assign(options, { bubbles: true, cancelable: true });
              document.body.dispatchEvent(new window[kind](event, options));
            }""",
            [event, kind, list(content)],
        )
        check()
    page.set_input_files("#camera", {"name": "no.png", "mimeType": "image/png", "buffer": b"\x89PNG no"})
    api.expect(page.locator("#truth")).to_contain_text("no.png is no picture")
    page.click("#undo")
    api.expect(opened.card(DIGITS).locator(".guess strong")).to_have_count(0)  # before it was pasted: cleared


def test_the_keyboard_draws_undoes_and_clears(answering, visit):
    opened = visit(answering).ready()
    page = opened.page
    guess = opened.card(DIGITS).locator(".guess strong")
    page.focus("#canvas")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    opened.hears(r"^Pen down\.$")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Escape")
    guess.wait_for()
    seen = opened.card(DIGITS).locator("canvas.seen")
    assert "as convnet_fast sees it, 8 \u00d7 8" in seen.get_attribute("aria-label")
    page.keyboard.press("Control+z")
    api.expect(guess).to_have_count(0)
    api.expect(page.locator("#undo")).to_be_disabled()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    guess.wait_for()
    page.keyboard.press("Delete")
    api.expect(opened.card(DIGITS).locator(".guess")).to_contain_text("blank")
    page.keyboard.press("Control+z")
    guess.wait_for()
    page.focus("#canvas")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Delete")
    opened.hears(r"Pen up\. Cleared\.$")
    page.keyboard.press("ArrowRight")
    api.expect(page.locator("#clear")).to_be_disabled()  # nothing is drawn where nobody sees it
    page.keyboard.press("Control+z")
    page.focus("#theme")
    page.keyboard.press("Backspace")
    api.expect(page.locator("#clear")).to_be_enabled()
    page.focus("#pen")
    page.keyboard.press("Delete")
    api.expect(page.locator("#clear")).to_be_disabled()
    page.keyboard.press("Control+z")
    api.expect(page.locator("#clear")).to_be_enabled()
    names = page.evaluate(
        "[...document.querySelectorAll('main button, main select, main canvas, main input:not([type=file])')]"
        ".filter((one) => one.checkVisibility() && !(one.ariaLabel || one.labels?.[0]?.textContent.trim()"
        " || one.textContent.trim())).map((one) => one.outerHTML)"
    )
    assert names == []


def test_networks_are_chosen_and_looked_into(computing, visit):
    opened = visit(computing).ready()
    page = opened.page
    page.get_by_role("checkbox", name=PHOTOS, exact=True).uncheck()
    assert page.locator("article").count() == 1
    opened.draw(*SEVEN)
    page.get_by_role("checkbox", name=PHOTOS, exact=True).check()
    opened.card(PHOTOS).locator(".guess strong").wait_for()
    page.click("#inside summary")
    layers = page.locator("#layers figure")
    api.expect(layers.last.locator("h3")).to_have_text("logits · dense layer")
    classes = "In this order: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. The largest: "
    api.expect(layers.last.locator("figcaption")).to_contain_text(classes)
    titles = page.locator("#layers h3").all_inner_texts()
    assert titles[:2] == ["Filters of the first layer", "What goes in"]
    assert titles[2] == "features.act1 · ReLU" and len(titles) == 8
    api.expect(layers.nth(0).locator("figcaption")).to_contain_text("6 filters of 5 \u00d7 5")
    api.expect(layers.nth(2).locator("figcaption")).to_contain_text("6 maps of 4 \u00d7 4")
    page.locator("#inside select").select_option(label=PHOTOS)
    api.expect(layers.nth(0).locator("figcaption")).to_contain_text("16 filters of 3 \u00d7 3, in colour")
    first = page.locator("#layers canvas.maps").nth(1)
    assert first.get_attribute("width") == str(
        3 + 16 * (2 * 32 + 3)
    )  # the largest maps are not drawn smallest
    is_ground_opaque = "(canvas) => canvas.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 255"
    assert first.evaluate(is_ground_opaque)
    first.evaluate("(canvas) => (canvas.id = 'kept')")
    page.set_viewport_size({"width": 1280, "height": 700})
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.locator("#kept").count() == 1
    page.set_viewport_size({"width": 1000, "height": 700})
    api.expect(page.locator("#kept")).to_have_count(0)
    page.click("#inside summary")
    page.set_viewport_size({"width": 360, "height": 700})
    page.click("#inside summary")
    api.expect(first).not_to_have_attribute("width", str(3 + 16 * (2 * 32 + 3)))
    assert first.bounding_box()["width"] == int(first.get_attribute("width"))  # drawn for it, not shrunk
    page.set_viewport_size({"width": 1000, "height": 700})
    is_painted = "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, 40, 40).data).size > 2"
    assert all(canvas.evaluate(is_painted) for canvas in page.locator("#layers canvas").all()[:6])


def test_test_images_are_answered_as_the_run_answered_them(answering, visit, site):
    opened = visit(answering).ready()
    groups = opened.page.locator("#images ul")
    api.expect(groups).to_have_count(2)
    assert groups.nth(1).locator("button").count() > 5
    for button in (groups.nth(0).locator("button").nth(1), groups.nth(1).locator("button").nth(0)):
        words = button.inner_text().split(" → ")
        button.click()
        opened.says(DIGITS, words[-1])
        api.expect(opened.page.locator("#truth")).to_have_text(
            re.compile(rf"Test image \d+: its label is {words[0]}\.")
        )
    page = opened.page
    opened.hears("its label is")
    api.expect(page.locator("#images button[tabindex='0']")).to_have_count(2)  # one stop in each group
    page.keyboard.press("End")
    api.expect(groups.nth(1).locator("button").last).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("checkbox", name=DIGITS, exact=True).uncheck()
    page.get_by_role("checkbox", name=PHOTOS, exact=True).uncheck()
    api.expect(page.locator("#cards")).to_have_text("Choose a network.")
    groups.nth(1).locator("button").nth(-2).click()
    opened.card(DIGITS).locator(".guess strong").wait_for()
    opened.draw(*ONE)  # on the test image, which it then is no more
    api.expect(opened.page.locator("#truth")).to_be_empty()


def test_test_images_are_those_of_the_network_that_was_chosen_last(answering, visit):
    opened = visit("about:blank")
    page = opened.page
    held = []

    def listed(route):
        site = route.fetch().json()
        (digits,) = [one for one in site["networks"] if one["gallery"]]
        (other,) = [one for one in site["networks"] if not one["gallery"]]
        other["gallery"] = "late.json"
        route.fulfill(json={**site, "networks": [other, digits]})

    page.route("**/networks.json", listed)
    page.route("**/late.json", lambda route: held.append(route))
    page.goto(answering)
    opened.ready()
    images = page.locator("#images ul")
    page.locator("#gallery-of select").select_option(label=DIGITS)
    api.expect(images).to_have_count(2)
    with page.expect_response("**/late.json"):
        held.pop().fulfill(json={"images": []})
    page.wait_for_timeout(100)
    assert images.count() == 2


def test_language_and_theme_change_and_are_kept(answering, visit):
    opened = visit(answering).ready()
    page = opened.page
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.title() == "Draw for the networks · cnnlab" and page.evaluate(ground) == "rgb(255, 255, 255)"
    opened.draw(*THREE)
    opened.card(DIGITS).locator(".guess strong").wait_for()
    page.click("#language")
    api.expect(page.locator("#theme")).to_have_text("深色模式")
    page.click("#theme")
    api.expect(page.locator("#theme")).to_have_text("浅色模式")
    api.expect(page.get_by_role("heading", name="预测")).to_be_visible()
    api.expect(page.locator("#state")).to_contain_text("就绪")
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert page.evaluate(ground) == "rgb(22, 24, 27)"
    page.reload()
    opened.ready()
    assert page.title() == "画给网络看 · cnnlab" and page.evaluate(ground) == "rgb(22, 24, 27)"
    latin = re.compile(r"[A-Za-z]{3,}")
    said = page.locator("#draw").inner_text()
    assert set(latin.findall(said)) <= {"Ctrl", "Delete"}, said


def test_a_phone_needs_no_scrolling_sideways(answering, visit):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "color_scheme": "dark"}
    opened = visit(answering, **phone).ready()
    page = opened.page
    page.touchscreen.tap(*(page.locator("#canvas").bounding_box()[side] + 100 for side in ("x", "y")))
    opened.card(DIGITS).locator(".guess").wait_for()
    page.click("#inside summary")
    page.locator("#layers figure").first.wait_for()
    assert page.evaluate(SIDEWAYS) == 0
    page.click("#language")
    assert page.evaluate(SIDEWAYS) == 0
    small = page.evaluate(
        "[...document.querySelectorAll('button, select')].filter((one) => one.checkVisibility())"
        ".map((one) => one.getBoundingClientRect()).filter((box) => box.height < 36 || box.width < 36).length"
    )
    assert small == 0


def test_without_the_runtime_the_server_answers(answering, visit):
    opened = visit(answering).ready()
    page = opened.page
    api.expect(page.locator("#state")).to_contain_text("make page-runtime")
    assert not page.locator("#place").is_visible()
    opened.draw(*THREE)
    for title in (DIGITS, PHOTOS):
        api.expect(opened.card(title).locator(".took")).to_contain_text("way there and back")
    assert opened.card(DIGITS).locator("canvas.seen").is_visible()
    page.click("#inside summary")
    api.expect(page.locator("#layers")).to_contain_text("6 filters of 5 \u00d7 5")
    assert not [url for url in opened.asked if "/runtime/" in url]


@pytest.mark.slow
def test_a_token_is_asked_for_until_it_is_right(site, browser):
    token = "correct-horse-battery"
    served = serving(site / "digits.onnx", token=token, with_runtime=False)
    with served as address, Visit(browser, address) as opened:
        field = opened.page.locator("#token input")
        api.expect(field).to_be_focused()
        api.expect(opened.page.locator("#state")).to_be_empty()  # nothing is loading
        field.fill("another-horse")
        field.press("Enter")
        api.expect(opened.page.locator("#state")).to_have_text("That is not its token.")
        api.expect(field).to_have_value("")
        opened.page.click("#language")
        api.expect(opened.page.locator("#state")).to_have_text("令牌不正确。")
        field.fill(token)
        field.press("Enter")
        opened.ready().draw(*THREE)
        opened.card(DIGITS).locator(".guess strong").wait_for()
        assert not opened.page.locator("#token").is_visible() and token not in opened.page.url
        assert all("401" in fault for fault in opened.faults) and len(opened.faults) == 2


def test_the_static_folder_works_and_goes_on_when_the_host_is_gone(
    digits_run, visit, runtime, tmp_path, monkeypatch
):
    briefly(monkeypatch)
    lab.export(digits_run, ["web"], out=tmp_path, threads=1)
    with hosting(tmp_path / "web") as address:
        opened = visit(address).ready()
        assert [url for url in opened.asked if not url.startswith((address, "data:", "blob:"))] == []
        opened.page.wait_for_load_state("networkidle")
    opened.context.set_offline(True)
    opened.draw(*SEVEN)
    opened.card(DIGITS).locator(".guess strong").wait_for()
    opened.page.click("#inside summary")
    api.expect(opened.page.locator("#layers figure").last.locator("h3")).to_have_text("logits · dense layer")
    opened.page.locator("#images button").last.click()
    api.expect(opened.page.locator("#truth")).to_contain_text("its label is")
    opened.page.click("#language")
    api.expect(opened.page.get_by_role("heading", name="预测")).to_be_visible()
