// Marks on the candidates of a page: everything is accepted unless it is struck out or doubted.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { cursorTile, setVerdict, tilesBetween, tilesOf } from "../lib/tile.js";

export default class extends Controller {
  static targets = ["mode"];

  // What a click, a tap or a stroke gives.
  mode = "reject";

  reject() {
    this.toggle(cursorTile(this.element), "reject");
  }

  unsure() {
    this.toggle(cursorTile(this.element), "unsure");
  }

  invert() {
    const other = { accept: "reject", reject: "accept", unsure: "unsure" };
    this.change(tilesOf(this.element), (tile) => other[tile.dataset.verdict]);
  }

  tap({ detail: { tile, from } }) {
    const tiles = from ? tilesBetween(this.element, from, tile) : [tile];
    // A range is marked as a whole; it is taken back only where all of it has the mark.
    const all = tiles.every((each) => each.dataset.verdict === this.mode);
    this.change(tiles, () => (all ? "accept" : this.mode));
    tile.focus({ preventScroll: true });
  }

  // The first tile decides whether the stroke gives the mark or takes it back.
  stroke({ detail: { first, tiles } }) {
    if (tiles[0] === first) this.painting = first.dataset.verdict === this.mode ? "accept" : this.mode;
    this.change(tiles, () => this.painting);
    tiles.at(-1).focus({ preventScroll: true });
  }

  switchMode() {
    this.mode = this.mode === "reject" ? "unsure" : "reject";
    this.modeTarget.setAttribute("aria-pressed", String(this.mode === "unsure"));
  }

  toggle(tile, verdict) {
    if (tile) this.change([tile], () => (tile.dataset.verdict === verdict ? "accept" : verdict));
  }

  change(tiles, verdictOf) {
    // While a page is being stored it is no longer to be changed.
    if (this.element.dataset.state !== "open") return;
    for (const tile of tiles) setVerdict(tile, verdictOf(tile));
    this.dispatch("changed");
  }
}
