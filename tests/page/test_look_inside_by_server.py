"""Looking inside where the server computes: the same maps as in the browser, asked for sparingly."""

import base64
import io
import re
import time

import numpy as np
import pytest
from exported import export_to, make_run
from PIL import Image
from test_networks_in_browser import NETWORKS
from visits import ONE, SEVEN, THREE, Visit, api, serving

from cnnlab.page import has_runtime
from cnnlab.serving.limits import Limits

LAYERS = """
(figures) => figures.map((figure) => {
  const [title, picture, words] = [...figure.children];
  const png = picture.toDataURL?.() ?? picture.src;
  return { title: title.textContent, words: words.textContent, label: picture.ariaLabel, png };
})
"""
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]\d+)?")
LOOKED = "Where it looked"
PATIENT = Limits(explain_seconds=120)


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """Networks in their run folders: for digits, and for colour with batch norm and shortcuts."""
    out = tmp_path_factory.mktemp("explained")
    runs = (
        make_run(out, "convnet_fast", is_digits=True),
        make_run(out, "resnet20", args={"shortcut": "B"}, data="cifar10"),
    )
    return [export_to(run.folder.path / f"{run.network}.onnx", run) for run in runs]


@pytest.fixture(scope="module")
def asked(explained):
    """The address of a server whose page has nothing to compute with."""
    with serving(*explained, limits=PATIENT, with_runtime=False) as address:
        yield address


def asked_for(opened):
    """Return how often the server was asked to explain."""
    return [re.search(r"method=(\w+)", url)[1] for url in opened.asked if "v1/explain" in url]


def look_inside(opened, network, *, last="logits · dense layer"):
    """Open what is inside a network, and return its figures, once they are there and not waited for."""
    page = opened.page
    if page.locator("#inside details[open]").count() == 0:
        page.click("#inside summary")
    if (choice := page.locator("#inside select")).is_visible():  # there is more than one network
        choice.select_option(label=network)
    return figures(page, last)


def figures(page, last="logits · dense layer"):
    """Return what is shown, once it is there and nothing else is waited for."""
    api.expect(page.locator("#layers")).to_have_attribute("aria-busy", "false", timeout=120_000)
    api.expect(page.locator("#layers h3").last).to_have_text(last)
    return page.locator("#layers figure").evaluate_all(LAYERS)


def pixels_of(address):
    """Return the pixels in an address that is a picture itself."""
    content = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


def until(page, is_so):
    """Wait for something outside of the page."""
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def agree(by_server, in_browser):
    """Compare all that is shown; Grad-CAM is the server's alone, and maps there have 256 levels."""
    assert [one["title"] for one in by_server if one["title"] == LOOKED] == [LOOKED]
    same = [one for one in by_server if one["title"] != LOOKED]
    assert [one["title"] for one in same] == [one["title"] for one in in_browser]
    for ours, theirs in zip(same, in_browser, strict=True):
        assert NUMBER.sub("", ours["words"]) == NUMBER.sub("", theirs["words"])
        for one, other in zip(NUMBER.findall(ours["words"]), NUMBER.findall(theirs["words"]), strict=True):
            assert float(one) == pytest.approx(float(other), rel=0.011)  # three digits, the last one rounded
        here, there = (pixels_of(shown["png"]) for shown in (ours, theirs))
        assert here.shape == there.shape and np.abs(here - there).max() <= 2, ours["title"]
    assert sum(len(np.unique(pixels_of(one["png"]))) > 9 for one in same) > len(same) / 2


def test_without_the_runtime_the_server_gives_the_maps(asked, explained, visit):
    opened = visit(asked).ready()
    page = opened.page
    page.click("#inside summary")
    api.expect(page.locator("#layers")).to_contain_text("Needs a drawing.")
    assert asked_for(opened) == []  # blank paper
    opened.draw(*THREE)
    by_server = look_inside(opened, "convnet_fast")
    assert set(asked_for(opened)) == {"activations", "grad_cam"}
    titles = [one["title"] for one in by_server]
    assert titles[:4] == ["Filters of the first layer", "What goes in", LOOKED, "features.act1 · ReLU"]
    guess = opened.card("convnet_fast").locator(".guess strong").inner_text()
    assert f"For its answer, {guess}:" in by_server[2]["words"]
    assert f"The largest: {guess}." in by_server[-1]["words"]
    assert all(one["label"].startswith(one["title"]) for one in by_server)
    number = len(opened.asked)
    page.click("#language")
    page.set_viewport_size({"width": 360, "height": 740})
    chinese = figures(page, "logits · 全连接层")
    assert [one["title"] for one in chinese][:3] == ["第一层的滤波器", "输入", "关注的区域"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.wait_for_timeout(600)
    assert len(opened.asked) == number  # neither another language nor another width is another question
    page.click("#clear")
    api.expect(page.locator("#layers")).to_contain_text("需要先画一幅画")
    assert len(opened.asked) == number
    if not has_runtime():
        pytest.skip("compared with nothing: needs ONNX Runtime Web: make page-runtime")
    with serving(*explained) as address, Visit(page.context.browser, address) as other:
        other.ready().draw(*THREE)
        in_browser = look_inside(other, "convnet_fast")
        without = [one for one in by_server if one["title"] != LOOKED]
        for part in ("title", "words"):
            ours, theirs = ([NUMBER.sub("", one[part]) for one in shown] for shown in (without, in_browser))
            assert ours == theirs
        assert asked_for(other) == [] and other.faults == []


def test_the_class_that_is_named_is_that_of_the_answer(asked, visit):
    opened = visit(asked).ready()

    def answer(route):  # of values that are one level in the picture, the first need not be the largest
        route.fulfill(json={**route.fetch().json(), "label": "another"})

    opened.page.route(re.compile("v1/explain.*grad_cam"), answer)
    opened.draw(*THREE)
    assert "The largest: another." in look_inside(opened, "convnet_fast")[-1]["words"]


def compare(visit, files, *networks):
    """Look into networks in the browser and by way of the server, on one page."""
    with serving(*files, limits=PATIENT) as address:
        opened = visit(address).ready()
        opened.draw(*SEVEN)
        for network in networks:
            opened.page.select_option("#place select", "browser")
            in_browser = look_inside(opened, network)
            number = len(asked_for(opened))
            opened.page.select_option("#place select", "server")
            api.expect(opened.page.get_by_role("heading", name=LOOKED)).to_be_visible(timeout=120_000)
            agree(figures(opened.page), in_browser)
            assert len(asked_for(opened)) == number + 2
            opened.page.select_option("#place select", "browser")
            api.expect(opened.page.get_by_role("heading", name=LOOKED)).to_have_count(0)
            assert figures(opened.page) == in_browser and len(asked_for(opened)) == number + 2


def test_where_the_page_may_choose_both_show_the_same(explained, visit, runtime):
    compare(visit, explained, "resnet20")


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_maps_of_each_kind_of_network_are_the_same(kind, visit, runtime, tmp_path):
    network, args, channels = NETWORKS[kind]
    run = make_run(tmp_path, network, args=args, channels=channels)
    compare(visit, [export_to(run.folder.path / "network.onnx", run)], network)


def test_one_question_at_a_time_and_the_newest_answer_stays(asked, visit):
    opened = visit(asked).ready()
    page = opened.page
    held = []
    page.route(re.compile("v1/explain.*activations"), lambda route: held.append(route))
    opened.draw(*ONE)
    page.click("#inside summary")
    api.expect(page.locator("#layers")).to_contain_text("Waiting for the server")
    for stroke in (*SEVEN, *THREE):
        opened.draw(stroke)
        page.wait_for_timeout(600)
    assert len(held) == 1
    held.pop().continue_()  # its answer is that to the first drawing
    until(page, lambda: held)
    assert asked_for(opened) == ["activations", "grad_cam", "activations"]
    assert "Waiting for the server" in page.inner_text("#layers")
    held.pop().fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "busy"})
    page.wait_for_timeout(700)
    assert not held
    until(page, lambda: held)
    held.pop().continue_()
    drawn = figures(page)
    page.unroute(re.compile("v1/explain.*activations"))
    number = len(opened.asked)
    for _ in range(2):
        page.click("#inside summary")
    assert figures(page) == drawn and len(opened.asked) == number  # the same question is not asked again
    look_inside(opened, "resnet20")
    assert look_inside(opened, "convnet_fast") == drawn and len(opened.asked) > number
    assert len(opened.faults) == 1 and "503" in opened.faults.pop()


def test_why_there_are_no_maps_is_said_without_asking(site, browser):
    token = "correct-horse-battery"
    served = serving(site / "digits.onnx", token=token, with_runtime=False)
    with served as address, Visit(browser, address) as opened:
        page = opened.page
        page.locator("#token input").fill(token)
        page.locator("#token input").press("Enter")
        opened.ready().draw(*THREE)
        page.click("#inside summary")
        layers = page.locator("#layers")
        reason = "digits cannot be explained: its run folder is not here; serve the run folder"
        api.expect(layers).to_contain_text(f"There are no maps. The server says: {reason}")
        api.expect(layers.locator("figcaption").first).to_contain_text("6 filters of 5 \u00d7 5")
        opened.draw(*ONE)
        page.wait_for_timeout(600)
        page.click("#language")
        api.expect(layers).to_contain_text(f" {reason}")
        api.expect(layers).to_contain_text("没有特征图")
        assert layers.locator("[lang=en]").inner_text().startswith(reason)
        assert asked_for(opened) == []
        assert len(opened.faults) == 1 and "401" in opened.faults[0]  # before there was a token


@pytest.mark.slow
def test_a_run_folder_of_another_network_is_said_and_not_asked_about_again(explained, browser, tmp_path):
    token = "correct-horse-battery"
    moved = export_to(tmp_path / "moved.onnx", make_run(tmp_path, "lenet5", is_digits=True))
    (tmp_path / "moved").symlink_to(explained[0].parent)
    served = serving(moved, limits=PATIENT, token=token, with_runtime=False)
    with served as address, Visit(browser, address) as opened:
        page = opened.page
        page.locator("#token input").fill(token)
        page.locator("#token input").press("Enter")
        opened.ready().draw(*THREE)
        page.click("#inside summary")
        layers = page.locator("#layers")
        api.expect(layers).to_contain_text("is not of the weights in", timeout=120_000)
        opened.draw(*ONE)
        page.wait_for_timeout(600)
        api.expect(layers).to_have_attribute("aria-busy", "false")
        assert asked_for(opened) == ["activations"]
        assert ["401" in fault or "404" in fault for fault in opened.faults] == [True, True]
