// Keeps the parts of a page that are marked `data-live` as the server would show them now.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

const NOT_OFTENER_MS = 1000;

export default class extends Controller {
  shown = new Map();
  seenAt = 0;

  async refresh({ detail: { ended } }) {
    if (this.busy || (!ended && Date.now() - this.seenAt < NOT_OFTENER_MS)) return;
    this.busy = true;
    try {
      const response = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      if (response.ok) this.show(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // The progress beside it tells that the server is away.
    } finally {
      this.busy = false;
      this.seenAt = Date.now();
    }
  }

  show(page) {
    for (const part of this.element.querySelectorAll("[data-live]")) {
      const now = page.getElementById(part.id)?.innerHTML;
      if (now === undefined || now === (this.shown.get(part.id) ?? part.innerHTML)) continue;
      const focused = part.contains(document.activeElement) && document.activeElement.id;
      part.innerHTML = now;
      this.shown.set(part.id, now);
      if (focused) document.getElementById(focused)?.focus();
    }
  }
}
