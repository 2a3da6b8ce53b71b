// The figures around the grid: the marks of this page, the labels so far, the purity of the last pages, the state.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { say } from "../lib/say.js";
import { imagesOf } from "../lib/tile.js";

const LINE = { width: 90, height: 24, margin: 2 };

export default class extends Controller {
  static targets = ["pageAccepted", "pageRejected", "pageUnsure", "accepted", "rejected", "unsure", "open", "openLine", "purity", "line", "percent", "status"];

  count() {
    const having = (verdict) => [...this.element.querySelectorAll(`.tile[data-verdict=${verdict}]`)].reduce((sum, tile) => sum + imagesOf(tile), 0);
    this.pageAcceptedTarget.textContent = having("accept");
    this.pageRejectedTarget.textContent = having("reject");
    this.pageUnsureTarget.textContent = having("unsure");
  }

  numbers({ detail: { labels, purity } }) {
    this.labels({ detail: { labels } });
    this.purityTarget.hidden = purity.length === 0;
    if (purity.length) this.tellPurity(purity);
  }

  // Others label the class as well.
  labels({ detail: { labels } }) {
    this.acceptedTarget.textContent = labels.accepted.toLocaleString("en");
    this.rejectedTarget.textContent = labels.rejected.toLocaleString("en");
    this.unsureTarget.textContent = labels.unsure.toLocaleString("en");
    this.openTarget.textContent = labels.open.toLocaleString("en");
    // There may be some too where one person's word is a label: those that a lead is to settle.
    if (labels.open) this.openLineTarget.hidden = false;
  }

  tellPurity(purity) {
    const percent = `${Math.round(purity.at(-1) * 100)} %`;
    this.percentTarget.textContent = percent;
    this.purityTarget.title = `Purity of the last pages: ${purity.map((share) => `${Math.round(share * 100)} %`).join(", ")}`;
    this.lineTarget.toggleAttribute("hidden", purity.length < 2);
    this.lineTarget.replaceChildren(...sparkline(purity));
  }

  state({ detail: { state, words } }) {
    const said = words ?? { pending: "Storing…", failed: "" }[state];
    if (said === undefined) return;
    say(this.statusTarget, said, ["pending", "failed"].includes(state) ? state : "stored");
  }
}

// A line through the shares, the latest marked by a dot; all of it within the view box.
function sparkline(shares) {
  if (shares.length < 2) return [];
  const step = (LINE.width - 2 * LINE.margin) / (shares.length - 1);
  const points = shares.map((share, index) => [LINE.margin + index * step, LINE.height - LINE.margin - share * (LINE.height - 2 * LINE.margin)]);
  const line = svg("polyline", { points: points.map((point) => point.join(",")).join(" ") });
  const [cx, cy] = points.at(-1);
  return [line, svg("circle", { cx, cy, r: 2 })];
}

function svg(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
