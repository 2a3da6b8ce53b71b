// Collects what a review is to start from. A click on a picture starts at once; once something is collected, or while
// “Select” is on, clicks collect: the first “like this”, the second “not like this”, the third takes it out again.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { Examples } from "../lib/examples.js";
import { thumbnail } from "../lib/images.js";
import { pictureOfPart } from "../lib/parts.js";
import { cursorTile, tilesOf } from "../lib/tile.js";

const AFTER = { null: "wanted", wanted: "unwanted", unwanted: null };
const SPOKEN = { wanted: ", collected", unwanted: ", collected as not wanted" };

export default class extends Controller {
  static targets = ["grid", "tray", "list", "template", "count", "select"];
  static values = { images: String };

  examples = new Examples();

  // A click, or a key that works as one.
  click(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey || this.collecting) this.mark(tile, AFTER[this.examples.standing(tile.dataset.image)]);
    else this.dispatch("start", { detail: { query: { images: [tile.dataset.image] }, tile } });
  }

  like(event) {
    this.toggle(event, "wanted");
  }

  unlike(event) {
    this.toggle(event, "unwanted");
  }

  // Enter on a picture starts from what is collected; if nothing is, the browser makes a click of it.
  enter(event) {
    if (this.examples.size) this.start();
    else event.preventDefault();
  }

  start() {
    this.dispatch("start", { detail: this.examples.request() });
  }

  select() {
    const on = this.selectTarget.getAttribute("aria-pressed") !== "true";
    this.selectTarget.setAttribute("aria-pressed", String(on));
    this.element.toggleAttribute("data-selecting", on);
  }

  // Pictures of one's own: a single one starts at once, unless there is something that it can go with.
  files({ detail: { files } }) {
    if (files.length === 1 && !this.collecting) return this.dispatch("start", { detail: { query: {}, files } });
    for (const file of files) this.examples.add({ file, name: file.name || "pasted picture", source: URL.createObjectURL(file), wanted: true, crop: null });
    this.show();
  }

  // A part of the picture under the cursor is asked for.
  part(event) {
    const tile = this.focused();
    if (!tile) return event.preventDefault();
    const collected = this.examples.all.find(({ image }) => image === tile.dataset.image);
    this.dispatch("crop", { detail: { example: collected ?? this.pictureOf(tile) } });
  }

  // The part has been chosen: of a picture of the grid, or of one that is collected already.
  async cropped({ detail: { example, crop, start } }) {
    const part = { ...example, crop, wanted: true, preview: await pictureOfPart(example.source, crop).catch(() => example.source) };
    if (this.examples.all.includes(example)) this.examples.replace(example, part);
    else this.examples.add(part);
    this.show();
    if (start) this.start();
  }

  clear() {
    this.examples.clear();
    this.show();
    cursorTile(this.gridTarget)?.focus();
  }

  toggle(event, standing) {
    const tile = this.focused();
    if (!tile) return event.preventDefault();
    this.mark(tile, this.examples.standing(tile.dataset.image) === standing ? null : standing);
  }

  mark(tile, standing) {
    this.examples.set(this.pictureOf(tile), standing);
    this.show();
  }

  // Shows the tray and the marks in the grid, also on tiles that have just come.
  show() {
    this.trayTarget.hidden = !this.examples.size;
    this.countTarget.textContent = `Start from ${this.examples.words}`;
    const more = this.examples.size > this.listTarget.childElementCount;
    this.listTarget.replaceChildren(...this.examples.all.map((example) => this.chip(example)));
    if (more) this.listTarget.scrollTo({ left: this.listTarget.scrollWidth });
    this.markTiles();
  }

  markTiles() {
    for (const tile of tilesOf(this.gridTarget)) {
      const standing = this.examples.standing(tile.dataset.image);
      if (standing) tile.dataset.example = standing;
      else delete tile.dataset.example;
      tile.setAttribute("aria-label", tile.dataset.path + (SPOKEN[standing] ?? ""));
    }
  }

  chip(example) {
    const chip = this.templateTarget.content.firstElementChild.cloneNode(true);
    const [picture, remove] = chip.querySelectorAll("button");
    const what = `${example.crop ? "part of " : ""}${example.name}`;
    chip.dataset.example = example.wanted ? "wanted" : "unwanted";
    chip.querySelector("img").src = example.preview ?? example.source;
    picture.title = `${example.wanted ? "" : "Not like "}${what}`;
    picture.setAttribute("aria-label", `${example.wanted ? "" : "Not like this: "}${what}. Choose a part of it`);
    picture.addEventListener("click", () => this.dispatch("crop", { detail: { example } }));
    remove.setAttribute("aria-label", `Remove ${what}`);
    remove.addEventListener("click", () => this.remove(example));
    return chip;
  }

  remove(example) {
    const place = this.examples.all.indexOf(example);
    this.examples.remove(example);
    this.show();
    // The focus was on what is gone.
    const left = this.listTarget.children;
    const next = left[Math.min(place, left.length - 1)]?.querySelector("button:last-child") ?? cursorTile(this.gridTarget);
    next?.focus();
  }

  // The tile that the keys are about: none while somebody is elsewhere on the page.
  focused() {
    return this.gridTarget.contains(document.activeElement) ? cursorTile(this.gridTarget) : null;
  }

  pictureOf({ dataset: { image, path, width, height } }) {
    return { image, name: path, source: thumbnail(this.imagesValue, image, 1024), width: Number(width), height: Number(height) };
  }

  get collecting() {
    return this.examples.size > 0 || this.element.hasAttribute("data-selecting");
  }
}
