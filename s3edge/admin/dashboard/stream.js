// @ts-check
// Server-sent events by fetch: an EventSource cannot send a token.

import { access } from "./access.js";

// Milliseconds between two tries to connect: the first, and what doubling it ends with.
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 10_000;
// Characters of one message. A frame with 64 nodes, 100 tenants and 100 flows of long keys has some 300,000.
const LONGEST_MESSAGE = 8 * 1024 * 1024;

/** @typedef {{id: string | null, type: string, data: string}} Message */

/**
 * What a reader has to know of its connection.
 * @typedef {{kind: "live" | "connecting" | "stopped" | "refused"} | {kind: "lost", since: Date, reason: string}} State
 */

/** Takes text in pieces, gives messages: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class Parser {
  #rest = "";
  /** @type {string[]} */
  #data = [];
  #type = "message";
  /** @type {string | null} */
  #id = null;
  #length = 0;

  /**
   * @param {string} text
   * @returns {Message[]} those that are complete now
   */
  feed(text) {
    const messages = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    this.#length += text.length;
    if (this.#length > LONGEST_MESSAGE) throw new Error("a message is too long");
    for (const line of lines) {
      if (line !== "") {
        this.#field(line);
      } else {
        if (this.#data.length > 0) messages.push({ id: this.#id, type: this.#type, data: this.#data.join("\n") });
        this.#data = [];
        this.#type = "message";
        this.#length = this.#rest.length;
      }
    }
    return messages;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id") this.#id = value;
  }
}

/** One stream that is kept up: whatever ends it, it is asked for again, ever less often. */
export class Stream {
  /** @type {AbortController | null} */
  #running = null;
  /** @type {string | null} */
  #lastId = null;
  /** @type {Date | null} */
  #lostSince = null;

  /**
   * @param {object} wiring
   * @param {() => string} wiring.url asked for at each connection
   * @param {number} wiring.silence milliseconds without a byte after which the connection counts as dead
   * @param {(message: Message) => void} wiring.onMessage
   * @param {(state: State) => void} wiring.onState
   */
  constructor({ url, silence, onMessage, onState }) {
    this.url = url;
    this.silence = silence;
    this.onMessage = onMessage;
    this.onState = onState;
  }

  /** Connect, or connect anew with another URL or token. */
  start() {
    this.#running?.abort();
    this.#running = new AbortController();
    void this.#run(this.#running.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#lostSince = null;
    this.onState({ kind: "stopped" });
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      if (this.#lostSince === null) this.onState({ kind: "connecting" });
      try {
        const isRefused = await this.#follow(signal, () => {
          pause = FIRST_PAUSE;
        });
        if (isRefused) {
          this.onState({ kind: "refused" });
          return;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#lostSince ??= new Date();
        const reason = error instanceof Error ? error.message : String(error);
        this.onState({ kind: "lost", since: this.#lostSince, reason });
      }
      await delay(pause, signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /**
   * Read one connection to its end, which is an error; true: the token is missing or wrong.
   * @param {AbortSignal} signal
   * @param {() => void} onLife
   */
  async #follow(signal, onLife) {
    const dead = new AbortController();
    let watch = setTimeout(() => dead.abort(), this.silence);
    try {
      const headers = new Headers({ Accept: "text/event-stream", ...access.headers() });
      if (this.#lastId !== null) headers.set("Last-Event-ID", this.#lastId);
      const response = await fetch(this.url(), {
        headers,
        signal: AbortSignal.any([signal, dead.signal]),
        cache: "no-store",
      });
      if (response.status === 401) return true;
      if (!response.ok || response.body === null) throw new Error(`the answer was ${response.status}`);
      const parser = new Parser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error("s3edge closed the connection");
        if (signal.aborted) return false;
        clearTimeout(watch);
        watch = setTimeout(() => dead.abort(), this.silence);
        onLife();
        this.#lostSince = null;
        this.onState({ kind: "live" });
        for (const message of parser.feed(value)) {
          this.#lastId = message.id ?? this.#lastId;
          this.onMessage(message);
        }
      }
    } catch (error) {
      if (dead.signal.aborted && !signal.aborted) throw new Error("nothing came any more");
      if (error instanceof TypeError) throw new Error("s3edge cannot be reached");
      throw error;
    } finally {
      clearTimeout(watch);
    }
  }
}

/**
 * Some milliseconds, or fewer if the signal comes.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function delay(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
