// Turns single keys into events: {"x": "reject"} in the map dispatches `hotkeys:reject`, and `hotkeys:rejectEnd` when
// the key is let go. Keys are left alone while somebody types, in a dialog, or with Ctrl, Alt or Meta held.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

const TYPING = "input:not([type=radio], [type=checkbox], [type=file]), textarea, select, [contenteditable]";
// Enter and space work the control that has the focus; only on a tile they belong to the grid.
const CONTROLS = "a, button:not(.tile), summary, input, label";

export default class extends Controller {
  static values = { map: Object };

  connect() {
    this.press = this.press.bind(this);
    this.release = this.release.bind(this);
    document.addEventListener("keydown", this.press);
    document.addEventListener("keyup", this.release);
  }

  disconnect() {
    document.removeEventListener("keydown", this.press);
    document.removeEventListener("keyup", this.release);
  }

  press(event) {
    const name = this.nameOf(event);
    if (!name || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest(`${TYPING}, dialog`)) return;
    if ((event.key === "Enter" || event.key === " ") && event.target.closest(CONTROLS)) return;
    if (event.target.type === "radio" && event.key.startsWith("Arrow")) return;
    if (event.repeat && name !== "move") {
      event.preventDefault();
      return;
    }
    const handled = this.dispatch(name, { detail: { key: event.key }, cancelable: true });
    // A handler that does not want the key prevents the default of our event; then the browser's own action goes on.
    if (!handled.defaultPrevented) event.preventDefault();
  }

  release(event) {
    const name = this.nameOf(event);
    if (name) this.dispatch(`${name}End`, { detail: { key: event.key } });
  }

  nameOf(event) {
    return this.mapValue[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  }
}
