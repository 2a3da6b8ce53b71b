// The flow of a review: a page is shown, marked, committed; the next one follows; an undo brings the last one back.
// `data-state` says where it stands: loading, open, pending (a commit is on its way), undoing, failed, finished.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { Drafts } from "../lib/drafts.js";
import { Foresight } from "../lib/foresight.js";
import { Outbox } from "../lib/outbox.js";
import { Patience } from "../lib/patience.js";
import { Stopwatch } from "../lib/stopwatch.js";
import { decisionOf, pageSize, tilesOf, tilesOfPage } from "../lib/tile.js";
import { undoCommit } from "../lib/undo.js";

export default class extends Controller {
  static targets = ["grid", "commit", "undo", "finished", "finishedMessage"];
  static values = { url: String, pages: String, images: String, memory: String };

  async connect() {
    this.drafts = new Drafts(this.memoryValue);
    this.outbox = new Outbox(this.memoryValue);
    this.patience = new Patience();
    this.stopwatch = new Stopwatch();
    this.undoes = Promise.resolve();
    this.foresight = new Foresight(this.imagesValue, this.pagesValue);
    this.enter("loading");
    this.refreshNumbers();
    // The other controllers of the page connect in this same turn; the size of a page is then known.
    await null;
    await this.proceed();
  }

  async commit() {
    if (this.state !== "open") return;
    const decision = { ...this.decision, milliseconds: this.stopwatch.milliseconds };
    this.foresight.rest();
    this.outbox.put(`${this.pagesValue}/${this.page}/commit`, this.page, decision);
    await this.proceed();
  }

  // Delivers what is pending, then shows the next page.
  async proceed() {
    try {
      if (this.outbox.pending) await this.deliver();
      const next = { size: pageSize(this.gridTarget) };
      this.show(await this.patience.persist(() => send("POST", `${this.urlValue}/pages`, next), this.waiting));
    } catch (problem) {
      this.fail(problem);
    }
  }

  async deliver() {
    this.enter("pending");
    const { page } = this.outbox.pending;
    const stored = await this.patience.persist(() => this.outbox.deliver(), this.waiting);
    this.drafts.drop(page);
    this.lastCommitted = page;
    this.dispatch("numbers", { detail: stored });
    this.enter("loading", `${stored.accepted + stored.rejected + stored.unsure} stored`);
  }

  // What is asked for while an undo is under way is undone after it.
  undo() {
    this.undoes = this.undoes.then(() => this.undoLast());
  }

  async undoLast() {
    if (!this.canUndo) return;
    const before = this.state;
    const page = `${this.pagesValue}/${this.lastCommitted}`;
    this.foresight.rest();
    this.enter("undoing");
    try {
      await this.patience.persist(() => undoCommit(page), this.waiting);
    } catch (problem) {
      this.enter(before, problem.message);
      return;
    }
    this.lastCommitted = null;
    this.enter("loading");
    await this.proceed();
    if (this.state === "open") this.enter("open", "Undone");
    await this.refreshNumbers();
  }

  show(page) {
    this.finishedTarget.hidden = page.id !== null;
    this.gridTarget.hidden = page.id === null;
    this.page = page.id;
    const marks = this.drafts.of(page.id) ?? page.marks;
    this.gridTarget.replaceChildren(...tilesOfPage(page.candidates, marks, (image) => this.foresight.take(image)));
    if (page.id === null) {
      this.finishedMessageTarget.textContent = page.message;
      this.enter("finished");
      return;
    }
    this.enter("open");
    this.dispatch("shown");
    this.stopwatch.restart();
    this.foresight.consider(this.page, this.decision);
  }

  marked() {
    this.drafts.keep(this.page, this.decision);
    this.foresight.consider(this.page, this.decision);
  }

  // Told before each wait of a request that is tried again.
  waiting = (problem, seconds) => {
    this.dispatch("trouble", { detail: { problem, during: this.state, seconds } });
    this.enter(this.state, this.state === "pending" ? "Waiting for the server" : "");
  };

  fail(problem) {
    this.dispatch("trouble", { detail: { problem, discard: this.outbox.pending !== null } });
    this.enter("failed", this.outbox.pending ? "Not stored" : "");
  }

  retry() {
    if (this.state === "failed") this.proceed();
    else this.patience.hurry();
  }

  // The server will never take this commit, for instance because the page was committed in another window.
  discard() {
    this.drafts.drop(this.outbox.pending.page);
    this.outbox.clear();
    this.refreshNumbers();
    this.proceed();
  }

  enter(state, words) {
    this.element.dataset.state = state;
    this.commitTarget.disabled = state !== "open";
    this.undoTarget.disabled = !this.canUndo;
    this.dispatch("state", { detail: { state, words } });
  }

  async refreshNumbers() {
    const before = this.lastCommitted;
    const review = await send("GET", this.urlValue).catch(() => null);
    // A page that was stored meanwhile has brought newer numbers.
    if (review === null || this.lastCommitted !== before) return;
    this.lastCommitted = review.last_committed_page;
    this.undoTarget.disabled = !this.canUndo;
    this.dispatch("numbers", { detail: review });
  }

  get decision() {
    return decisionOf(tilesOf(this.gridTarget));
  }

  get canUndo() {
    return ["open", "finished"].includes(this.state) && Boolean(this.lastCommitted);
  }

  get state() {
    return this.element.dataset.state;
  }
}
