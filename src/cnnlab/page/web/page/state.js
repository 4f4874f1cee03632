// The line under the title: how things stand.

let sentence = () => "";

/** Show a sentence, given as a function, since it is made again in another language. */
export function showState(make) {
  sentence = make;
  writeState();
}

/** Write it in the page's language; unchanged words are left alone, or a screen reader would say them again. */
export function writeState() {
  const place = document.getElementById("state");
  const words = sentence();
  if (place.textContent !== words) place.textContent = words;
}
