// Asks every few seconds, while somebody is looking, who else is at work and how far they are.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

const EVERY_MS = 4000;

export default class extends Controller {
  static values = { url: String };

  connect() {
    this.follow();
  }

  disconnect() {
    clearTimeout(this.timer);
  }

  // Of a hidden tab nobody wants to know.
  follow() {
    clearTimeout(this.timer);
    if (document.visibilityState === "visible") this.ask();
  }

  async ask() {
    const before = this.outdated;
    // The work goes on without it.
    const told = await send("GET", this.urlValue).catch((problem) => problem);
    // What was stored meanwhile has brought newer numbers.
    if (told.classes && before === this.outdated) this.dispatch("told", { detail: told });
    clearTimeout(this.timer);
    // Nobody is logged in any more: it is asked again once somebody comes back to the tab, or stores something here.
    this.stopped = told.status === 401;
    if (this.stopped) return;
    if (this.element.isConnected && document.visibilityState === "visible") this.timer = setTimeout(() => this.ask(), EVERY_MS);
  }

  outdate() {
    this.outdated = {};
    if (this.stopped) this.follow();
  }
}
