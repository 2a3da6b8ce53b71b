// Gestures on the tiles of a grid, told as events:
//   tap {tile, from}      a click or a tap; with Shift held, `from` is where the cursor was, else null
//   stroke {first, tiles} the mouse, pressed on `first`, has passed over `tiles`; strokeEnd at its end
//   hold {tile}           pressed without moving; release when let go

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { cursorTile } from "../lib/tile.js";

const HOLD_MS = 420;
const STILL_PX = 8;

export default class extends Controller {
  static targets = ["grid"];

  gridTargetConnected(grid) {
    for (const [name, handler] of Object.entries({
      pointerdown: this.down, pointermove: this.moved, pointerup: this.up, pointercancel: this.cancel,
      contextmenu: this.menu,
    })) grid.addEventListener(name, handler.bind(this));
  }

  down(event) {
    const tile = event.target.closest(".tile");
    if (!tile || !event.isPrimary || event.button !== 0) return;
    // Keeps the mouse's moves coming when it leaves the grid; a touch does so by itself, and must be free to scroll.
    if (event.pointerType === "mouse") this.gridTarget.setPointerCapture(event.pointerId);
    // The browser is about to focus the tile, and the cursor will follow.
    const from = event.shiftKey ? cursorTile(this.gridTarget) : null;
    this.press = { tile, from, x: event.clientX, y: event.clientY, stroke: false, held: false };
    this.press.timer = setTimeout(() => this.hold(), HOLD_MS);
  }

  moved(event) {
    const press = this.press;
    if (!press || !event.isPrimary || press.held) return;
    const far = Math.hypot(event.clientX - press.x, event.clientY - press.y);
    if (!press.stroke && far < STILL_PX) return;
    clearTimeout(press.timer);
    if (event.pointerType !== "mouse") return;
    const tiles = tilesPassed(press, event).filter((tile) => press.stroke || tile !== press.tile);
    if (!tiles.length) return;
    const passed = press.stroke ? tiles : [press.tile, ...tiles];
    Object.assign(press, { stroke: true, x: event.clientX, y: event.clientY });
    this.dispatch("stroke", { detail: { first: press.tile, tiles: passed } });
  }

  up(event) {
    const press = this.press;
    if (!press || !event.isPrimary) return;
    this.end();
    if (press.held) this.dispatch("release");
    else if (press.stroke) this.dispatch("strokeEnd");
    else if (tileAt(event.clientX, event.clientY) === press.tile) this.dispatch("tap", { detail: { tile: press.tile, from: press.from } });
  }

  cancel() {
    const press = this.press;
    this.end();
    if (press?.held) this.dispatch("release");
    if (press?.stroke) this.dispatch("strokeEnd");
  }

  // A long press on a touch screen would open the browser's menu over the large view.
  menu(event) {
    if (this.press || event.pointerType === "touch") event.preventDefault();
  }

  hold() {
    this.press.held = true;
    this.dispatch("hold", { detail: { tile: this.press.tile } });
  }

  end() {
    clearTimeout(this.press?.timer);
    this.press = null;
  }
}

// The tiles on the straight line from the last point to this one: a fast mouse skips over tiles.
function tilesPassed(from, { clientX, clientY }) {
  const steps = Math.max(1, Math.ceil(Math.hypot(clientX - from.x, clientY - from.y) / 12));
  const tiles = new Set();
  for (let step = 1; step <= steps; step++) {
    const part = step / steps;
    tiles.add(tileAt(from.x + (clientX - from.x) * part, from.y + (clientY - from.y) * part));
  }
  tiles.delete(null);
  return [...tiles];
}

function tileAt(x, y) {
  return document.elementFromPoint(x, y)?.closest(".tile") ?? null;
}
