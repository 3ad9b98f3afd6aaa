// @ts-check
// The head of the page: is s3edge well, and is what one sees of now? The tab's title says it, too.

import { access } from "./access.js";
import { changes } from "./changes.js";
import { byId, element, setAttribute, setText } from "./dom.js";
import { icon, setIcon } from "./icons.js";
import { clock, counted, joined, moment, visible } from "./units.js";

// Seconds of loop lag from which a worker has too much to do; docs/operations.md says the same.
const LAG_TOO_LONG = 0.1;

/** @typedef {import("./stream.js").State} State */
/** @typedef {import("./types.js").Frame} Frame */

/** One fact in the head: a shape, a tone, words. */
class Fact {
  #icon = icon("dot");
  #text = element("span");
  #root = element("li", { class: "badge", hidden: true }, this.#icon, this.#text);

  constructor() {
    byId("standing", HTMLElement).append(this.#root);
  }

  /**
   * @param {string} shape
   * @param {string} tone
   * @param {string | null} text null: the fact is not shown
   */
  show(shape, tone, text) {
    setAttribute(this.#root, "hidden", text === null);
    setAttribute(this.#root, "data-tone", tone);
    setIcon(this.#icon, shape);
    setText(this.#text, text ?? "");
  }
}

export class Header {
  #ready = new Fact();
  #workers = new Fact();
  #lag = new Fact();
  #readOnly = new Fact();
  #token = byId("token", HTMLButtonElement);
  #trouble = "";
  #isLost = false;

  constructor() {
    this.#token.addEventListener("click", () => {
      changes.askToken("Changes, and perhaps reading, need the token that s3edge was started with.");
    });
  }

  /** @param {Frame} frame */
  show({ edge, nodes }) {
    setText(byId("version", HTMLElement), edge.version);
    if (edge.not_ready === null) this.#ready.show("check", "good", "ready");
    else this.#ready.show("cross", "bad", `not ready: ${visible(edge.not_ready)}`);
    const isComplete = edge.workers_ready >= edge.workers;
    this.#workers.show(
      isComplete ? "check" : "warning",
      isComplete ? "quiet" : "warn",
      isComplete ? counted(edge.workers, "worker") : `${edge.workers_ready} of ${counted(edge.workers, "worker")}`,
    );
    const isSlow = edge.loop_lag >= LAG_TOO_LONG;
    this.#lag.show(isSlow ? "warning" : "dot", isSlow ? "warn" : "quiet", `loop lag ${joined(moment(edge.loop_lag))}`);
    this.#readOnly.show("pause", "quiet", edge.changes === "off" ? "read only: admin.token is not set" : null);
    if (edge.changes === "token") this.#showToken();
    const down = nodes.filter((node) => node.state === "down").length;
    this.#trouble = edge.not_ready !== null ? "not ready" : down > 0 ? `${counted(down, "node")} down` : "";
    this.#title();
  }

  /** @param {State} state */
  showStream(state) {
    const badge = byId("stream", HTMLElement);
    const [tone, text] = words(state);
    setAttribute(badge, "data-tone", tone);
    setAttribute(badge, "title", state.kind === "lost" ? state.reason : null);
    setText(badge, text);
    document.body.dataset.stream = state.kind;
    if (state.kind === "refused") this.#showToken();
    this.#isLost = state.kind === "lost" || state.kind === "refused";
    this.#title();
  }

  #showToken() {
    this.#token.hidden = false;
    setText(this.#token, access.isKnown ? "Change token…" : "Enter token…");
  }

  #title() {
    const trouble = this.#isLost ? "no data" : this.#trouble;
    const title = trouble === "" ? "s3edge" : `(${trouble}) s3edge`;
    if (document.title !== title) document.title = title;
  }
}

/**
 * @param {State} state
 * @returns {[tone: string, text: string]}
 */
function words(state) {
  switch (state.kind) {
    case "live":
      return ["good", "live"];
    case "lost":
      return ["bad", `no data since ${clock(state.since)}, reconnecting`];
    case "refused":
      return ["bad", "a token is needed"];
    case "stopped":
      return ["quiet", "paused while hidden"];
    case "connecting":
      return ["quiet", "connecting"];
  }
}
