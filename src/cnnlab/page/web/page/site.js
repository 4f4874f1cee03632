// What there is to ask: the list of networks, and the token if the server wants one.

import { NoAnswer } from "./problems.js";
import { showState } from "./state.js";
import { t } from "./words.js";

/** Return { site, headers }; where a token is needed, the page asks for it until it is right. */
export async function loadSite() {
  let headers = {};
  for (;;) {
    const answer = await listFrom(headers).catch(() => null);
    if (answer?.ok) {
      const site = await answer.json();
      site.networks.forEach((network, index) => Object.assign(network, { index, ...namesOf(network, site.networks) }));
      return { site, headers };
    }
    if (answer?.status !== 401) throw new NoAnswer({ key: "file", facts: { file: "page/networks.json" } });
    const isWrong = Boolean(headers.Authorization);
    showState(() => (isWrong ? t("state.wrong") : "")); // nothing is loading while it waits
    headers = { Authorization: `Bearer ${await askForToken()}` };
    showState(() => t("state.loading"));
  }
}

/** Ask for the list of networks; never for one that the browser has kept. */
export const listFrom = (headers) => fetch(new URL("networks.json", import.meta.url), { headers, cache: "no-store" });

function askForToken() {
  const form = document.getElementById("token");
  const input = form.querySelector("input");
  form.hidden = false;
  input.value = "";
  input.focus();
  return new Promise((done) => {
    form.onsubmit = (event) => {
      event.preventDefault(); // nothing is sent by the form itself
      form.hidden = true;
      done(input.value.trim().replace(/[^\x21-\x7e]/g, "?")); // a header takes no other letters
    };
  });
}

/** Name a network by as little as tells it from the others. */
function namesOf(network, all) {
  const ways = [
    ({ description: { network: one } }) => one.name,
    ({ description: { network: one, precision } }) => `${one.name}, ${precision}`,
    ({ description: { network: one, trained_on: on } }) => `${one.name}, ${on.data}`,
    ({ description: { network: one, trained_on: on, precision } }) => `${one.name}, ${on.data}, ${precision}`,
    ({ description: { network: one, trained_on: on } }) => `${one.name}, ${on.data} ${on.seed}`,
    ({ description: { network: one, trained_on: on, precision } }) =>
      `${one.name}, ${on.data} ${on.seed}, ${precision}`,
    ({ name }) => name,
  ];
  const way = ways.find((title) => all.filter((other) => title(other) === title(network)).length === 1);
  const { trained_on: on, precision } = network.description;
  const size = network.bytes < 1e6 ? `${Math.ceil(network.bytes / 1e3)} kB` : `${(network.bytes / 1e6).toFixed(1)} MB`;
  return {
    title: way(network),
    facts: () => t("answers.facts", { data: on.data ?? "?", size, precision, seed: on.seed ?? "?" }),
  };
}
