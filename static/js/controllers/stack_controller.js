// Stacks in a grid: one tile stands for near-duplicates; opened, each of them is judged by itself.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { picture } from "../lib/images.js";
import { cursorTile, isStack, makeTile, openStack, setVerdict, tilesOf } from "../lib/tile.js";

export default class extends Controller {
  static targets = ["grid"];
  static values = { images: String };

  // Opens or closes the stack under the cursor, from any of its tiles.
  toggle() {
    const cursor = cursorTile(this.gridTarget);
    const top = this.topOf(cursor);
    if (this.element.dataset.state !== "open" || !top) return;
    if ("opened" in top.dataset) this.close(top);
    else this.open(top);
    top.focus({ preventScroll: true });
    this.dispatch("arranged");
    this.dispatch("changed");
  }

  open(top) {
    const make = (candidate) =>
      makeTile({ ...candidate, verdict: top.dataset.verdict }, picture(this.imagesValue, candidate.image, "high"), "gridcell");
    const below = openStack(top, make);
    top.after(...below);
    setVerdict(top, top.dataset.verdict);
  }

  // What was told apart follows the top again.
  close(top) {
    delete top.dataset.opened;
    for (const tile of tilesOf(this.gridTarget)) if (tile.dataset.beneath === top.dataset.image) tile.remove();
    setVerdict(top, top.dataset.verdict);
  }

  topOf(tile) {
    if (!tile) return null;
    if (isStack(tile)) return tile;
    return tilesOf(this.gridTarget).find((each) => tile.dataset.beneath && each.dataset.image === tile.dataset.beneath) ?? null;
  }
}
