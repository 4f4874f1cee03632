// What there is to ask: the list of networks, and the token if the server wants one.

import { t } from "./words.js";

/** Return { site, headers }; where a token is needed, the page asks for it until it is right. */
export async function loadSite() {
  let headers = {};
  for (;;) {
    const answer = await fetch(new URL("networks.json", import.meta.url), { headers });
    if (answer.ok) {
      const site = await answer.json();
      site.networks.forEach((network, index) => Object.assign(network, { index, ...namesOf(network, site.networks) }));
      return { site, headers };
    }
    if (answer.status !== 401) throw new Error(`${answer.status} ${answer.statusText}`);
    if (headers.Authorization) document.getElementById("state").textContent = t("state.wrong");
    headers = { Authorization: `Bearer ${await askForToken()}` };
  }
}

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
    ({ description: { network: one, trained_on: on } }) => `${one.name}, ${on.data}`,
    ({ description: { network: one, trained_on: on } }) => `${one.name}, ${on.data} ${on.seed}`,
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
