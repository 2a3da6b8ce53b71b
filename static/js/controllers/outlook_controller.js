// What is to be expected of a review: how many matches are left, where they end, which tiles are in doubt. It is asked
// for once a page is on the screen, so that no page waits for it.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { attention, setAttention } from "../lib/attention.js";
import { decidedBy, decidedByOthers } from "../lib/by_others.js";
import { thumbnail } from "../lib/images.js";
import { drawStrip } from "../lib/strip.js";
import { pageSize, setDoubt, tilesOf } from "../lib/tile.js";

// Marks often come in bursts of pages; the outlook of a page that was passed over is of no use.
const PAUSE_MS = 150;

export default class extends Controller {
  static targets = ["panel", "toggle", "sentence", "page", "strip", "chosen", "offer", "offerWords", "planted", "byOthers", "caught", "grid", "option", "kind", "another"];
  static values = { url: String, images: String, class: String };

  connect() {
    const chosen = attention();
    for (const option of this.optionTargets) option.checked = option.type === "radio" ? chosen.gather === option.value : chosen[option.name];
  }

  // A page is on the screen.
  shown({ detail: { page } }) {
    this.close();
    this.kindTarget.textContent = KINDS[page.kind]?.(page) ?? "";
    this.kindTarget.parentElement.hidden = !this.kindTarget.textContent;
    this.refresh(page);
  }

  refresh(page) {
    clearTimeout(this.pause);
    const question = (this.question = {});
    this.pause = setTimeout(async () => {
      const size = pageSize(this.gridTarget);
      const address = `${this.urlValue}/outlook?size=${size}${page?.id ? `&page=${page.id}` : ""}`;
      // Without an outlook the review goes on.
      const outlook = await send("GET", address).catch(() => null);
      if (outlook && question === this.question) this.tell(outlook, page);
    }, PAUSE_MS);
  }

  tell(outlook, page) {
    this.outlook = outlook;
    this.sentenceTarget.textContent = outlook.sentence.replaceAll(" %", "\u00a0%");
    this.sentenceTarget.toggleAttribute("data-stop", outlook.stop);
    const expected = ["deeper", "like"].includes(page?.kind) ? outlook.expected : null;
    this.pageTarget.hidden = expected === null;
    if (expected !== null) this.pageTarget.querySelector("b").textContent = `${Math.round(expected * 100)} %`;
    drawStrip(this.stripTarget, outlook);
    this.choose(0);
    // A sample is looked at as if nothing were known.
    this.markable = page?.kind !== "sample" && page?.kind !== "second";
    if (attention().marks && this.markable) this.mark(outlook.doubtful);
    const { planted, caught, overlooked, due } = outlook.attention;
    this.caughtTarget.hidden = planted === 0;
    this.caughtTarget.textContent = `You caught ${caught} of the last ${planted} planted pictures.`;
    this.offerTarget.hidden = !(due && attention().second) || page?.kind === "second";
    this.offerWordsTarget.textContent = `About ${Math.round(overlooked)} wrong pictures may have been overlooked.`;
    this.dispatch("told", { detail: { outlook } });
  }

  mark(doubtful) {
    const wanted = new Set(doubtful);
    for (const tile of tilesOf(this.gridTarget)) if (wanted.has(tile.dataset.image)) setDoubt(tile);
  }

  // What was planted on the page that was stored and not struck out, and what others had decided meanwhile.
  stored({ detail: { missed = [], by_others = [] } }) {
    this.byOthersTarget.hidden = !by_others.length;
    this.announce(by_others.length > 0);
    this.byOthersTarget.querySelector("b").textContent = decidedByOthers(by_others, this.classValue);
    this.byOthersTarget.querySelector("div").replaceChildren(
      ...by_others.map((told) => Object.assign(new Image(), { src: thumbnail(this.imagesValue, told.image), alt: decidedBy(told), title: decidedBy(told) })),
    );
    this.plantedTarget.hidden = !missed.length;
    this.plantedTarget.querySelector("p").textContent =
      missed.length === 1 ? "This planted picture was overlooked; it was not stored." : "These planted pictures were overlooked; they were not stored.";
    this.plantedTarget.querySelector("div").replaceChildren(
      ...missed.map((image) => Object.assign(new Image(), { src: thumbnail(this.imagesValue, image), alt: "Known not to match" })),
    );
  }

  // Another index version is served than the review works on.
  version({ detail: { another } }) {
    this.anotherTarget.hidden = !another;
  }

  // Dragging along the strip, or the arrow keys on it, choose how many of the best.
  drag(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = this.stripTarget.getBoundingClientRect();
    if (event.type === "pointerdown") this.stripTarget.setPointerCapture(event.pointerId);
    this.choose(this.above((event.clientY - box.top) / box.height));
  }

  drop() {
    if (this.count) this.dispatch("lot", { detail: { count: this.count } });
  }

  press(event) {
    const remaining = this.outlook?.remaining ?? 0;
    const step = Math.max(10, Math.round(remaining / 100));
    const to = { ArrowDown: this.count + step, ArrowUp: this.count - step, PageDown: this.count + 10 * step, PageUp: this.count - 10 * step, Home: 0, End: remaining }[event.key];
    // Enter on the strip is never meant for the page.
    if (event.key === "Enter") this.drop();
    else if (to === undefined) return;
    else this.choose(Math.min(Math.max(to, 0), remaining));
    event.preventDefault();
    event.stopPropagation();
  }

  choose(count) {
    this.count = count;
    this.stripTarget.setAttribute("aria-valuenow", count);
    this.stripTarget.setAttribute("aria-valuemax", this.outlook?.remaining ?? 0);
    this.stripTarget.setAttribute("aria-valuetext", count ? `the best ${count.toLocaleString("en")}` : "nothing chosen");
    this.chosenTarget.textContent = count ? `the best ${count.toLocaleString("en")}` : "";
    drawStrip(this.stripTarget, this.outlook, count);
  }

  // How many undecided images rank above a height of the strip, from 0 at its top to 1.
  above(height) {
    const bins = this.outlook?.bins ?? [];
    const at = Math.min(Math.max(height, 0), 1) * bins.length;
    return Math.round(bins.reduce((sum, { left }, index) => sum + left * Math.min(Math.max(at - index, 0), 1), 0));
  }

  // On a small window the outlook lies over the grid, until something else is to be seen.
  toggle() {
    const open = this.panelTarget.toggleAttribute("data-open");
    this.announce(false);
    this.toggleTarget.setAttribute("aria-expanded", String(open));
  }

  // Whether it tells what others decided and nobody has looked yet, for it is closed on a small window.
  announce(news) {
    this.toggleTarget.toggleAttribute("data-news", news);
    this.toggleTarget.setAttribute("aria-label", news ? "Outlook: what others decided" : "Outlook");
  }

  close() {
    this.panelTarget.removeAttribute("data-open");
    this.toggleTarget.setAttribute("aria-expanded", "false");
  }

  switched({ target }) {
    setAttention(target.type === "radio" ? { gather: target.value } : { [target.name]: target.checked });
    if (target.name !== "marks") return;
    for (const tile of tilesOf(this.gridTarget)) delete tile.dataset.doubt;
    if (target.checked && this.outlook && this.markable) this.mark(this.outlook.doubtful);
  }
}

const KINDS = {
  deeper: ({ skipped }) => `From further down: ${skipped.toLocaleString("en")} pictures come before these.`,
  like: () => "Like the one picture that you chose.",
  sample: () => "A random sample of the lot, unmarked and in random order.",
  second: () => "A second look, the most doubtful first, shuffled.",
};
