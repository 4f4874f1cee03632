// The page: what it holds, and what happens when.

import { Arrivals } from "./arrivals.js";
import { Networks } from "./asking.js";
import { Board } from "./board.js";
import { Drawing } from "./drawing.js";
import { startGallery } from "./gallery.js";
import { Look } from "./look.js";
import { NoAnswer, sentenceOf } from "./problems.js";
import { loadSite } from "./site.js";
import { showState, writeState } from "./state.js";
import { listenForTheme, startTheme } from "./theme.js";
import { startTools, writeTools } from "./tools.js";
import { say } from "./voice.js";
import { choose, joined, language, loadWords, missingWords, t } from "./words.js";

const SETTLED = 400; // milliseconds of rest before layers are drawn, and an answer is said to a screen reader
const at = (selector) => document.querySelector(selector);

/** Everything after the words are there. */
async function begin() {
  await loadWords();
  const [missing, ...more] = missingWords();
  if (more.length) throw new NoAnswer({ key: "file", facts: { file: missing } });
  at("#language").hidden = Boolean(missing); // there is no other
  let write = writeState;
  at("#language").addEventListener("click", () => {
    choose(language() === "en" ? "zh" : "en");
    write();
  });
  listenForTheme();
  showState(() => t("state.loading"));
  const { site, headers } = await loadSite();
  const networks = new Networks(site, headers);
  const drawing = new Drawing(at("#canvas"));
  at("main").hidden = false;
  const board = new Board(site.networks, networks, drawing);
  const look = new Look(site, networks, drawing);
  const arrivals = new Arrivals(drawing);
  const gallery = startGallery(site, headers, async (network, facts, blob) => {
    board.choose(network); // whose image it is, so that its answer is seen
    const name = t("gallery.image", facts);
    if (await arrivals.open(blob, { name, facts })) at("#draw").scrollIntoView({ block: "nearest" });
  });
  startTools(drawing, arrivals);
  startPlace(site, networks);

  const writeShort = () => (at("#short").textContent = board.said().join("\n"));
  write = () => {
    at("#made-by").textContent = t("page.made_by", { version: site.version });
    at("#privacy").textContent = t(networks.inBrowser ? "page.here" : "page.there");
    board.write();
    gallery();
    look.write();
    writeTools(drawing, arrivals);
    writeShort();
    writeState();
  };
  let resting = 0;
  const rest = () => {
    clearTimeout(resting);
    resting = setTimeout(async () => {
      await board.idle();
      say(...board.said());
      look.ask();
    }, SETTLED);
  };
  let isFailed = false; // no network could be loaded
  const askAgain = () => {
    board.ask();
    look.ask();
  };
  board.addEventListener("answer", () => {
    writeShort();
    if (isFailed && board.isAnswered) {
      isFailed = false;
      showState(() => readiness(site, networks));
    }
  });
  drawing.addEventListener("change", () => {
    writeTools(drawing, arrivals);
    board.ask();
    rest();
  });
  arrivals.addEventListener("change", () => writeTools(drawing, arrivals));
  networks.addEventListener("presence", () => {
    writeState();
    if (!networks.isAway) askAgain();
  });
  at("#place").addEventListener("change", () => {
    networks.inBrowser = at("#place select").value === "browser";
    write();
    askAgain();
  });
  write();
  try {
    await board.open();
  } catch (error) {
    isFailed = !site.server;
    if (isFailed) throw error;
    networks.inBrowser = false; // a browser that cannot compute
    startPlace(site, networks);
    write();
    await board.open();
  }
  showState(() => readiness(site, networks));
  await board.openRest(); // so that they are there when the network of machines is not
}

/** Say that the networks answer, and where they compute; or that the server does not, and what one can do. */
function readiness(site, networks) {
  const missing = missingWords().map((file) => t("answers.file", { file }));
  if (networks.inBrowser) return joined([t("state.ready"), ...missing]);
  if (networks.isAway) return joined([t("answers.away"), t("state.again"), ...(site.runtime ? [t("state.or_here")] : [])]);
  return joined([t("state.ready_server"), ...(site.runtime ? [] : [t("state.no_runtime")]), ...missing]);
}

function startPlace(site, networks) {
  const place = at("#place");
  place.hidden = !(site.runtime && site.server);
  place.querySelector("select").value = networks.inBrowser ? "browser" : "server";
}

startTheme();
begin().catch((error) => {
  showState(() => t("state.failed", { reason: error.key ? sentenceOf(error) : error.message }));
});
