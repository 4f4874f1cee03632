// What is said to a screen reader, and is not read on the screen at the same place.

import { joined } from "./words.js";

const TOGETHER = 50; // milliseconds
let waiting = [];

/** Say sentences; those of one moment are said together, since a later one would take the place of an earlier. */
export function say(...sentences) {
  if (!sentences.length) return;
  const place = document.getElementById("said");
  if (!waiting.length)
    setTimeout(() => {
      place.textContent = joined(waiting);
      waiting = [];
    }, TOGETHER);
  place.textContent = ""; // the same words twice would be said once
  waiting.push(...sentences);
}
