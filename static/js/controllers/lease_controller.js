// Keeps the pictures of a page for whoever works on it: while there are keys, clicks or a moving pointer, the page's
// lease is renewed before it runs out. A page that is merely open lets them go.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

// The server renews a lease once half of it is spent.
const SPENT = 0.55;
const AFTER_A_FAILURE_S = 30;

export default class extends Controller {
  static values = { pages: String };

  due = Infinity;

  // A page is on the screen.
  shown({ detail: { page } }) {
    this.page = page.id;
    this.lasts(page.leased_for);
  }

  async worked() {
    if (Date.now() < this.due) return;
    const page = this.page;
    this.due = Infinity;
    // Without a lease the work goes on; what others decide meanwhile is told when the page is stored.
    const { leased_for } = await send("POST", `${this.pagesValue}/${page}/lease`).catch(() => ({ leased_for: AFTER_A_FAILURE_S }));
    if (page === this.page) this.lasts(leased_for);
  }

  // A page that is not leased is not asked for: it is stored, or a second look.
  lasts(seconds) {
    this.due = seconds === null ? Infinity : Date.now() + seconds * 1000 * SPENT;
  }
}
