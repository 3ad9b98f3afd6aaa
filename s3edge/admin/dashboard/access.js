// @ts-check
// The operator's token: where it comes from and how long it is kept.

const KEY = "s3edge.token";
// What an HTTP header may carry (RFC 6750, 2.1, is narrower still).
const TOKEN = /^[!-~]{1,4096}$/;

/** Kept for this tab only, and never in an address that a history or a log would keep. */
class Access {
  /** Take the token from an address with `#token=...`, and remove it from there. */
  constructor() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token === null) return;
    this.remember(token);
    history.replaceState(null, "", location.pathname + location.search);
  }

  get isKnown() {
    return sessionStorage.getItem(KEY) !== null;
  }

  /**
   * Keep a token, or forget it if this is none.
   * @param {string} token
   */
  remember(token) {
    if (TOKEN.test(token.trim())) sessionStorage.setItem(KEY, token.trim());
    else sessionStorage.removeItem(KEY);
  }

  /** @returns {Record<string, string>} */
  headers() {
    const token = sessionStorage.getItem(KEY);
    return token === null ? {} : { Authorization: `Bearer ${token}` };
  }
}

export const access = new Access();
