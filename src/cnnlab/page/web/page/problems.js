// Why there is no answer.

import { t } from "./words.js";

/**
 * A network gives no answer; `key` names the words that say why, if there are some, with `facts` in them.
 *
 * From a server it has a `status`; if that is busy, `seconds` after which it may be asked again.
 */
export class NoAnswer extends Error {
  constructor({ key = null, facts = {}, reason = "", status = 0, seconds = 0 }) {
    super(reason);
    Object.assign(this, { key, facts, status, seconds });
  }
}

/** Return why in a sentence, in the page's language; what comes without a key is English. */
export function sentenceOf({ key, facts, message }) {
  return key ? t(`answers.${key}`, facts) : t("answers.failed", { reason: message });
}
