// The cursor of a grid of tiles: one tile can be reached by Tab, the arrows move from there.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { cursorTile, tilesOf } from "../lib/tile.js";

export default class extends Controller {
  static targets = ["grid"];

  // New tiles have come. The cursor is where the keys are, unless somebody works another control.
  begin() {
    this.arrange();
    const tile = cursorTile(this.gridTarget);
    const free = document.activeElement === document.body || document.activeElement === this.gridTarget;
    if (tile && free) tile.focus({ preventScroll: true });
  }

  // A button pressed with the mouse leaves the focus in the grid, so that Enter goes on meaning the page.
  keepFocus(event) {
    if (event.target.closest("button")) event.preventDefault();
  }

  // Puts the tiles into rows for those who hear the grid, and sees to it that there is a cursor.
  arrange() {
    const tiles = tilesOf(this.gridTarget);
    if (this.gridTarget.role === "grid") {
      // Moving tiles takes the focus from them.
      const focused = document.activeElement;
      this.gridTarget.replaceChildren(...rowsOf(tiles, this.columns));
      if (this.gridTarget.contains(focused)) focused.focus({ preventScroll: true });
    }
    if (tiles.length && !cursorTile(this.gridTarget)) this.mark(tiles[0]);
  }

  move({ detail: { key } }) {
    const tiles = tilesOf(this.gridTarget);
    const from = tiles.indexOf(cursorTile(this.gridTarget));
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, ArrowUp: from - this.columns, ArrowDown: from + this.columns, Home: 0, End: tiles.length - 1 }[key];
    if (!tiles.length) return;
    // Up and down stop at the edge; from the last full row, down goes to the last tile.
    if (to < 0 || (to >= tiles.length && (key !== "ArrowDown" || Math.floor(from / this.columns) === Math.floor((tiles.length - 1) / this.columns)))) return;
    this.focus(tiles[Math.min(to, tiles.length - 1)]);
  }

  // The cursor goes where the focus goes, whoever moved it.
  follow(event) {
    const tile = event.target.closest(".tile");
    if (tile) this.mark(tile);
  }

  focus(tile) {
    tile.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  }

  mark(tile) {
    const before = cursorTile(this.gridTarget);
    if (before === tile) return;
    if (before) {
      before.tabIndex = -1;
      delete before.dataset.cursor;
    }
    tile.tabIndex = 0;
    tile.dataset.cursor = "";
    this.dispatch("moved", { detail: { tile } });
  }

  get columns() {
    return Number(this.gridTarget.dataset.columns) || 1;
  }
}

function rowsOf(tiles, columns) {
  const rows = [];
  for (let start = 0; start < tiles.length; start += columns) {
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    row.className = "grid__row";
    row.append(...tiles.slice(start, start + columns));
    rows.push(row);
  }
  return rows;
}
