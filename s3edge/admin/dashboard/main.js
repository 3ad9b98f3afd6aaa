// @ts-check
// The page: two streams, and what shows them.

import { changes } from "./changes.js";
import { isAsking } from "./dialog.js";
import { Feed } from "./feed.js";
import { Flows } from "./flows.js";
import { Header } from "./header.js";
import { Nodes } from "./nodes.js";
import { Overview } from "./overview.js";
import { Stream } from "./stream.js";
import { Tenants } from "./tenants.js";

// Milliseconds. A frame comes each second, a sign of life from the decisions each 15 s.
const FRAME_SILENCE = 6000;
const DECISION_SILENCE = 40_000;

/** @typedef {import("./stream.js").Message} Message */
/** @typedef {import("./stream.js").State} State */

const header = new Header();
const overview = new Overview();
const nodes = new Nodes();
const tenants = new Tenants();
const feed = new Feed();
const flows = new Flows(() => live.start());

const live = new Stream({
  url: () => `api/v1/live?${flows.query}`,
  silence: FRAME_SILENCE,
  onState: showState,
  onMessage: ({ type, data }) => {
    if (type !== "frame") return;
    performance.mark("frame");
    /** @type {import("./types.js").Frame} */
    const frame = JSON.parse(data);
    changes.mode = frame.edge.changes;
    header.show(frame);
    overview.show(frame);
    nodes.show(frame);
    tenants.show(frame);
    flows.show(frame);
    feed.show(frame);
    performance.clearMeasures("frame");
    performance.measure("frame", "frame");
    performance.clearMarks("frame");
  },
});

const decisions = new Stream({
  url: () => "api/v1/events",
  silence: DECISION_SILENCE,
  // The frames say whether s3edge is there.
  onState: () => {},
  onMessage: ({ type, data }) => {
    if (type === "missed") {
      feed.miss(JSON.parse(data).missed);
      return;
    }
    const decision = JSON.parse(data);
    feed.add(decision);
    overview.add(decision);
  },
});

/** @param {State} state */
function showState(state) {
  header.showStream(state);
  if (state.kind === "refused" && !isAsking()) changes.askToken("Reading needs the admin token of this s3edge.");
}

function start() {
  live.start();
  decisions.start();
}

changes.onToken = start;
// What nobody sees is not asked for. On return comes what was missed: decisions by their numbers, the frame of now.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    live.stop();
    decisions.stop();
  } else {
    start();
  }
});
if (!document.hidden) start();
