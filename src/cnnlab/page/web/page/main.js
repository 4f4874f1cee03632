// The page: what it holds, and what happens when.

import { Board } from "./board.js";
import { Networks } from "./asking.js";
import { Drawing } from "./drawing.js";
import { fill } from "./elements.js";
import { loadGallery, showGallery } from "./gallery.js";
import { Look } from "./look.js";
import { decoded, listen } from "./pictures.js";
import { loadSite } from "./site.js";
import { choose, language, loadWords, remember, remembered, t } from "./words.js";

const SETTLED = 400; // milliseconds of rest before layers are drawn, and an answer is said to a screen reader
const at = (selector) => document.querySelector(selector);

/** Everything after the words are there. */
async function begin() {
  await loadWords();
  at("#state").textContent = t("state.loading");
  const { site, headers } = await loadSite();
  const networks = new Networks(site, headers);
  const drawing = new Drawing(at("#canvas"));
  at("main").hidden = false;
  const board = new Board(site.networks, networks, drawing);
  const look = new Look(site, networks, drawing);
  const gallery = startGallery(site, headers, drawing);
  startTools(drawing);
  startPlace(site, networks);

  const write = () => {
    at("#made-by").textContent = t("page.made_by", { version: site.version });
    at("#privacy").textContent = t(networks.inBrowser ? "page.here" : "page.there");
    board.write();
    gallery();
    look.write();
    writeTruth(drawing);
  };
  at("#language").addEventListener("click", () => {
    choose(language() === "en" ? "zh" : "en");
    write();
    sayState(site, networks);
  });
  let resting = 0;
  const rest = () => {
    clearTimeout(resting);
    resting = setTimeout(async () => {
      await board.idle();
      say(board.said().join(". "));
      look.ask();
    }, SETTLED);
  };
  board.addEventListener("answer", () => (at("#short").textContent = board.said().join("\n")));
  drawing.addEventListener("change", () => {
    writeTruth(drawing);
    board.ask();
    rest();
  });
  at("#place").addEventListener("change", () => {
    networks.inBrowser = at("#place select").value === "browser";
    write();
    board.ask();
    look.ask();
    sayState(site, networks);
  });
  write();
  try {
    await board.open();
  } catch (error) {
    if (!site.server) throw error;
    networks.inBrowser = false; // a browser that cannot compute
    startPlace(site, networks);
    write();
    await board.open();
  }
  sayState(site, networks);
  await board.openRest(); // so that they are there when the network of machines is not
}

function sayState(site, networks) {
  const isServer = !networks.inBrowser;
  const hint = site.runtime ? "" : ` ${t("state.no_runtime")}`;
  at("#state").textContent = t(isServer ? "state.ready_server" : "state.ready") + hint;
}

/** Say something to a screen reader. */
function say(words) {
  at("#said").textContent = words;
}

function writeTruth(drawing) {
  at("#hint").hidden = !drawing.isBlank;
  at("#undo").disabled = !drawing.canUndo;
  at("#clear").disabled = drawing.isBlank;
  const { facts } = drawing;
  at("#truth").textContent = facts ? t(facts.failed ? "draw.not_a_picture" : "draw.truth", facts) : "";
}

function startTools(drawing) {
  const clear = () => {
    drawing.clear();
    say(t("draw.cleared"));
  };
  const undo = () => {
    if (!drawing.canUndo) return;
    drawing.undo();
    say(t("draw.undone"));
  };
  at("#clear").addEventListener("click", clear);
  at("#undo").addEventListener("click", undo);
  at("#pen").addEventListener("input", (event) => (drawing.penWidth = Number(event.target.value)));
  drawing.addEventListener("pen", ({ detail }) => say(t(detail ? "draw.pen_down" : "draw.pen_up")));
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea")) return;
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      undo();
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
  });
  listen(async (file) => {
    try {
      drawing.addPicture(await decoded(file));
      say(t("draw.opened", { name: file.name }));
    } catch {
      at("#truth").textContent = t("draw.not_a_picture", { name: file.name });
    }
  });
}

function startPlace(site, networks) {
  const place = at("#place");
  place.hidden = !(site.runtime && site.server);
  place.querySelector("select").value = networks.inBrowser ? "browser" : "server";
}

/** Return a function that writes the gallery of the chosen network. */
function startGallery(site, headers, drawing) {
  const section = at("#gallery");
  const select = section.querySelector("select");
  const some = site.networks.filter((network) => network.gallery);
  fill(select, some.map((network) => [network.index, network.title]));
  at("#gallery-of").hidden = some.length < 2;
  const loaded = new Map();
  for (const network of some) loaded.set(network.index, loadGallery(network, headers).catch(() => []));
  const write = async () => {
    const network = site.networks[select.value];
    const images = network ? await loaded.get(network.index) : [];
    showGallery(at("#images"), images, network?.description.class_names, async (facts, blob) => {
      drawing.addPicture(await decoded(blob), facts);
      at("#draw").scrollIntoView({ block: "nearest" });
    });
  };
  select.addEventListener("change", write);
  return write;
}

function startTheme() {
  const root = document.documentElement;
  const kept = remembered("theme");
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  at("#theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remember("theme", root.dataset.theme);
  });
}

startTheme();
begin().catch((error) => {
  at("#state").textContent = t("state.failed", { reason: error.message });
});
