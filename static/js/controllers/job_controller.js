// Follows a job until it ends.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

const OFTEN_MS = 700;
const SELDOM_MS = 5000;
const ENDINGS = ["done", "failed", "stopped"];

export default class extends Controller {
  static targets = ["phase", "count", "bar", "problem"];
  // `then` is "reload" where the page shows something else once the job has ended.
  static values = { url: String, state: String, then: String };

  connect() {
    this.follow();
  }

  disconnect() {
    clearTimeout(this.timer);
  }

  async follow() {
    let pause = document.visibilityState === "visible" ? OFTEN_MS : SELDOM_MS;
    try {
      const job = await send("GET", this.urlValue);
      this.show(job);
      const ended = ENDINGS.includes(job.state);
      this.dispatch("seen", { detail: { ended } });
      if (ended) {
        if (job.state !== this.stateValue && this.thenValue === "reload" && job.state !== "failed") location.reload();
        return;
      }
    } catch (problem) {
      this.phaseTarget.textContent = problem.message;
      pause = SELDOM_MS;
    }
    this.timer = setTimeout(() => this.follow(), pause);
  }

  show({ state, phase, done, total, error }) {
    const words = { queued: "waits for its turn", running: phase ?? "begins", done: "is done", failed: "has failed", stopped: "is stopped" };
    this.phaseTarget.textContent = words[state];
    const counts = state === "running" && total;
    this.countTarget.textContent = counts ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
    this.barTarget.hidden = state === "failed";
    if (state === "stopped") Object.assign(this.barTarget, { max: total || 1, value: done });
    else if (state === "done") Object.assign(this.barTarget, { max: 1, value: 1 });
    else if (counts) Object.assign(this.barTarget, { max: total, value: done });
    else this.barTarget.removeAttribute("value");
    this.problemTarget.textContent = error ?? "";
    this.problemTarget.hidden = !error;
  }
}
