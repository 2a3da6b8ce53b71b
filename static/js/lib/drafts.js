// The marks on open pages, kept so that a reload or the back button loses none.

import { forget, recall, remember } from "./memory.js";

export class Drafts {
  #name;

  constructor(memory) {
    this.#name = `drafts:${memory}`;
  }

  // {rejected, unsure} of a page, or null.
  of(page) {
    return this.#all[page] ?? null;
  }

  keep(page, marks) {
    remember(this.#name, { ...this.#all, [page]: marks });
  }

  drop(page) {
    const { [page]: _dropped, ...others } = this.#all;
    if (Object.keys(others).length) remember(this.#name, others);
    else forget(this.#name);
  }

  get #all() {
    return recall(this.#name, {});
  }
}
