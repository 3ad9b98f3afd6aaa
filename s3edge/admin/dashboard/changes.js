// @ts-check
// What an operator may change from here: drain and undrain nodes, pin and release tenants and client addresses.

import { access } from "./access.js";
import { ask, toast } from "./dialog.js";
import { visible } from "./units.js";

// Milliseconds. The admin server answers at once; a hung one must not keep the dialog for ever.
const ANSWER_LIMIT = 15_000;
// Characters of an answer that are shown.
const LONGEST_ANSWER = 600;

/** @typedef {"tenants" | "clients"} Kind */
/** @typedef {import("./dialog.js").Field} Field */

const TOKEN_FIELD = {
  name: "token",
  label: "Admin token",
  type: "password",
  hint: "admin.token of the configuration. This tab keeps it until it is closed.",
};

class Changes {
  /** @type {"allowed" | "token" | "off"} */
  mode = "allowed";
  /** Called when the operator gave a token. */
  onToken = () => {};

  get areOff() {
    return this.mode === "off";
  }

  /** @param {string} node */
  drain(node) {
    this.#ask({
      title: `Drain ${visible(node)}?`,
      text: ["It gets no new requests, whatever its probes say. What is in flight goes on."],
      action: "Drain",
      tone: "bad",
      path: () => `api/v1/nodes/${encodeURIComponent(node)}/drain`,
      done: () => `${visible(node)} is drained`,
    });
  }

  /** @param {string} node */
  undrain(node) {
    this.#ask({
      title: `Undrain ${visible(node)}?`,
      text: ["Its probes decide again whether it gets requests."],
      action: "Undrain",
      path: () => `api/v1/nodes/${encodeURIComponent(node)}/undrain`,
      done: () => `${visible(node)} is no longer drained`,
    });
  }

  /**
   * @param {Kind} kind
   * @param {string | null} name null: the operator says the client's address
   */
  pin(kind, name) {
    const who = (/** @type {string} */ found) => `${kind === "tenants" ? "tenant" : "client"} ${visible(found)}`;
    /** @type {Field[]} */
    const fields = [
      {
        name: "rate",
        label: "Rate",
        value: "50/s",
        hint: "such as 50/s, or “unlimited” to keep the guard away",
        required: true,
      },
      { name: "for", label: "For", value: "10m", hint: "such as 90s, 10m or 2h; empty: until it is released" },
    ];
    if (name === null)
      fields.unshift({ name: "address", label: "Address", hint: "such as 10.0.0.7 or fd00::7", required: true });
    this.#ask({
      title: `Pin ${name === null ? "a client address" : who(name)}?`,
      text: ["Its requests are held to a rate, whatever it does, from the next second on."],
      fields,
      action: "Pin",
      tone: "bad",
      path: (values) => `api/v1/${kind}/${encodeURIComponent(name ?? values.address)}/pin`,
      body: (values) => ({ rate: values.rate, ...(values.for === "" ? {} : { for: values.for }) }),
      done: (values) => `${who(name ?? values.address)} is pinned`,
    });
  }

  /**
   * @param {Kind} kind
   * @param {string} name
   */
  release(kind, name) {
    const who = `${kind === "tenants" ? "tenant" : "client"} ${visible(name)}`;
    this.#ask({
      title: `Release ${who}?`,
      text: [
        "It is held to nothing any more.",
        "The guard gets to know it anew: what it does in the next minute counts as its usual.",
      ],
      action: "Release",
      path: () => `api/v1/${kind}/${encodeURIComponent(name)}/release`,
      done: () => `${who} is released`,
    });
  }

  /**
   * Ask for the token alone.
   * @param {string} reason
   */
  askToken(reason) {
    ask({
      title: "Admin token",
      text: [reason],
      fields: [{ ...TOKEN_FIELD, required: true }],
      action: "Use it",
      act: async ({ token }) => {
        access.remember(token);
        if (!access.isKnown) return "A token is of visible ASCII characters.";
        this.onToken();
        return null;
      },
    });
  }

  /**
   * @param {object} change
   * @param {string} change.title
   * @param {string[]} change.text
   * @param {Field[]} [change.fields]
   * @param {string} change.action
   * @param {"accent" | "bad"} [change.tone]
   * @param {(values: Record<string, string>) => string} change.path
   * @param {(values: Record<string, string>) => object} [change.body]
   * @param {(values: Record<string, string>) => string} change.done
   */
  #ask({ title, text, fields = [], action, tone, path, body, done }) {
    const token = { ...TOKEN_FIELD, required: true, isHidden: this.mode !== "token" || access.isKnown };
    ask({
      title,
      text,
      fields: [...fields, token],
      action,
      tone,
      act: async (values, reveal) => {
        if (values.token !== undefined) {
          access.remember(values.token);
          this.onToken();
        }
        const { status, error } = await post(path(values), body?.(values));
        // The token that this tab kept is no longer the right one.
        if (status === 401) reveal(TOKEN_FIELD.name);
        if (error === null) toast(done(values));
        return error;
      },
    });
  }
}

/**
 * Send a change; `error` is the reason in words why it was not made, null if it was.
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<{status: number, error: string | null}>}
 */
async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { ...access.headers(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_LIMIT),
    });
    return { status: response.status, error: response.ok ? null : reasonOf(await response.text(), response.status) };
  } catch {
    return {
      status: 0,
      error: "No answer: s3edge cannot be reached, or took too long. Look at the state before you try again.",
    };
  }
}

/**
 * What an error says: JSON with `error`, or plain text.
 * @param {string} text
 * @param {number} status
 */
function reasonOf(text, status) {
  let reason = text.trim();
  try {
    reason = String(JSON.parse(text).error ?? reason);
  } catch {
    // It is plain text.
  }
  return visible(reason.slice(0, LONGEST_ANSWER)) || `The answer was ${status}.`;
}

export const changes = new Changes();
