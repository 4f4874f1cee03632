// The page's words in the chosen language.

const LANGUAGES = { en: "en", zh: "zh-Hans" };
const PLAIN = {
  // for when no words come
  "answers.file": "The host does not give {file}.",
  "state.failed": "The networks could not be loaded: {reason}",
};
const all = {};
let lang = "en";

/**
 * Load the words of all languages, and choose: by the address, an earlier choice, or the browser's languages; among
 * those that the host gives.
 */
export async function loadWords() {
  for (const name of Object.keys(LANGUAGES)) {
    const words = await wordsFrom(`words.${name}.json`).catch(() => null);
    if (words) all[name] = words;
  }
  const asked = new URLSearchParams(location.search).get("lang") ?? remembered("lang");
  const preferred = (navigator.languages ?? []).map((one) => one.slice(0, 2)).find((one) => one in LANGUAGES);
  const wanted = asked in LANGUAGES ? asked : (preferred ?? "en");
  const given = [wanted, ...Object.keys(all)].find((name) => name in all);
  if (!given) return;
  choose(given);
  remember("lang", wanted); // it may come the next time
}

async function wordsFrom(file) {
  const answer = await fetch(new URL(file, import.meta.url));
  return answer.ok ? answer.json() : null;
}

/** Return which files of words the host does not give. */
export function missingWords() {
  const names = Object.keys(LANGUAGES).filter((name) => !(name in all));
  return names.map((name) => `page/words.${name}.json`);
}

export const language = () => lang;

/** Write the page in a language. */
export function choose(name) {
  lang = name;
  document.documentElement.lang = LANGUAGES[name];
  remember("lang", name);
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = t(element.dataset.words);
  for (const element of document.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", t(element.dataset.label));
  document.title = `${t("page.title")} · cnnlab`;
  document.getElementById("language").lang = name === "en" ? LANGUAGES.zh : LANGUAGES.en;
}

/** Return a sentence by its dotted name, with its facts in place. */
export function t(key, facts = {}) {
  const [section, name] = key.split(".");
  const words = lang in all ? all[lang][section][name] : PLAIN[key];
  return words.replace(/\{(\w+)\}/g, (_, fact) => facts[fact]);
}

/** Return sentences as one text, each with its stop, as the language joins them. */
export function joined(sentences) {
  const ended = sentences.map((one) => (/[.?!。？！…]$/.test(one) ? one : one + t("inside.stop")));
  return ended.join(lang === "zh" ? "" : " ");
}

/** Return a probability in percent; never 100 % where it is less, nor 0 % where it is more. */
export function percent(value) {
  if (value < 1 && value > 0.999) return "> 99.9\u00a0%";
  if (value > 0 && value < 0.001) return "< 0.1\u00a0%";
  return `${(100 * value).toFixed(1)}\u00a0%`;
}

/** Keep a choice for the next visit, where the browser lets us. */
export function remember(name, value) {
  try {
    localStorage.setItem(`cnnlab.${name}`, value);
  } catch {
    // a browser that keeps nothing
  }
}

export function remembered(name) {
  try {
    return localStorage.getItem(`cnnlab.${name}`);
  } catch {
    return null;
  }
}
