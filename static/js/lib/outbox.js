// The one commit on its way. It is remembered before it is sent, and until its answer has come: after a crash, a
// reload or a lost connection it is sent again, and its key lets the server see that it is the same.

import { send } from "./api.js";
import { newKey } from "./keys.js";
import { forget, recall, remember } from "./memory.js";

export class Outbox {
  #name;

  constructor(memory) {
    this.#name = `outbox:${memory}`;
    this.pending = recall(this.#name);
  }

  // `then` is what is wanted once it is delivered.
  put(url, page, decision, then) {
    this.pending = { url, page, then, body: { ...decision, key: newKey() } };
    remember(this.#name, this.pending);
  }

  // Sends what is pending once and returns the server's answer; it stays pending if that fails.
  async deliver() {
    const answer = await send("POST", this.pending.url, this.pending.body);
    this.clear();
    return answer;
  }

  clear() {
    this.pending = null;
    forget(this.#name);
  }
}
