// The flow of a review: a page is shown, marked, committed; another one follows; an undo brings the last one back.
// `data-state` says where it stands: loading, open, pending (a commit is on its way), undoing, failed, finished, or
// judged (a sample has been looked at, and its lot is to be accepted or not). `data-kind` is that of the page.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { attention } from "../lib/attention.js";
import { Drafts } from "../lib/drafts.js";
import { Foresight } from "../lib/foresight.js";
import { Outbox } from "../lib/outbox.js";
import { Patience } from "../lib/patience.js";
import { Stopwatch } from "../lib/stopwatch.js";
import { cursorTile, decisionOf, pageSize, tilesOf, tilesOfPage } from "../lib/tile.js";
import { undoCommit } from "../lib/undo.js";

const NEXT = { kind: "next" };

export default class extends Controller {
  static targets = ["grid", "commit", "undo", "finished", "finishedHeading", "finishedMessage", "secondLook", "again", "labels", "merged"];
  static values = { url: String, pages: String, lots: String, images: String, thumbnails: String, memory: String };

  async connect() {
    this.drafts = new Drafts(this.memoryValue);
    this.outbox = new Outbox(this.memoryValue);
    this.patience = new Patience();
    this.stopwatch = new Stopwatch();
    this.undoes = Promise.resolve();
    this.foresight = new Foresight(this.imagesValue, this.pagesValue, this.thumbnailsValue);
    this.enter("loading");
    const numbers = this.refreshNumbers();
    // The other controllers of the page connect in this same turn; the size of a page is then known.
    await null;
    if (this.outbox.pending) return this.proceed();
    const review = await numbers;
    await this.proceed(review?.lot ? { lot: review.lot } : NEXT);
  }

  async commit() {
    if (this.state === "open") await this.commitAnd(this.following);
  }

  // Looks further down the order; on a page from there, stores it first.
  async deeper() {
    if (this.state !== "open") return;
    const deeper = { kind: "deeper" };
    if (this.kind === "deeper") await this.commitAnd(deeper);
    else await this.turnTo(deeper);
  }

  async like() {
    const tile = cursorTile(this.gridTarget);
    if (this.state === "open" && tile) await this.turnTo({ kind: "like", like: tile.dataset.image });
  }

  async second({ params = {} } = {}) {
    if (["open", "finished"].includes(this.state)) await this.turnTo({ kind: "second", of: params.of ?? "accept" });
  }

  // Back to the order, from a page that came from elsewhere.
  async leave() {
    if (this.state === "open" && this.kind !== "next" && this.kind !== "sample") await this.turnTo({ kind: "next", afresh: true });
  }

  // To the index version that is served now; all verdicts come along.
  async move() {
    if (!["open", "finished", "failed"].includes(this.state)) return;
    // One that is served since this page was opened is not known here yet.
    if (!this.movable) await this.refreshNumbers();
    if (!this.movable || this.marksAtStake()) return;
    this.foresight.rest();
    this.enter("loading");
    try {
      const review = await this.patience.persist(() => send("PUT", `${this.urlValue}/index-version`, {}), this.waiting);
      this.tellVersion(review);
      await this.proceed(NEXT);
      if (this.state === "open") this.enter("open", "Moved to the index served now");
    } catch (problem) {
      this.fail(problem);
    }
  }

  tellVersion({ index_version, served_version }) {
    this.movable = served_version !== null && served_version !== index_version;
    this.dispatch("version", { detail: { another: this.movable } });
  }

  // Another page instead of this one, whose marks would be lost.
  async turnTo(wanted) {
    if (this.state === "open" && this.kind === "sample") {
      this.enter("open", "Store the sample first, or go back with Esc");
      return;
    }
    if (this.marksAtStake()) return;
    if (this.page) this.drafts.drop(this.page);
    this.foresight.rest();
    this.enter("loading");
    await this.proceed(wanted);
  }

  // Something else is about to take the place of this page.
  hold(event) {
    if (this.marksAtStake()) event.preventDefault();
  }

  // Whether the page has marks that would be lost; then it is said so.
  marksAtStake() {
    const { rejected, unsure } = this.decision;
    const { rejected: wereRejected, unsure: wereUnsure } = this.shown?.marks ?? { rejected: [], unsure: [] };
    if (this.state !== "open" || (sameSet(rejected, wereRejected) && sameSet(unsure, wereUnsure))) return false;
    this.enter("open", "Store this page first, or take your marks back");
    return true;
  }

  // Stores the page; what is wanted then is kept with it, so that it survives a reload.
  async commitAnd(wanted) {
    const decision = { ...this.decision, milliseconds: this.stopwatch.milliseconds };
    // What follows in the order comes along with the answer.
    if (wanted === NEXT) decision.next = this.manner;
    this.foresight.rest();
    this.outbox.put(`${this.pagesValue}/${this.page}/commit`, this.page, decision, wanted);
    await this.proceed();
  }

  // Delivers what is pending, then shows what is wanted.
  async proceed(wanted = NEXT) {
    try {
      let page = null;
      if (this.outbox.pending) ({ wanted, page } = await this.deliver());
      if (wanted.lot) return await this.judge(wanted.lot);
      const asked = { ...this.manner, ...wanted };
      page ??= await this.patience.persist(() => send("POST", `${this.urlValue}/pages`, asked), this.waiting);
      // Where there is no page of this kind, the order goes on.
      if (page.id === null && (wanted.kind ?? "next") !== "next") {
        this.wish = page.message;
        return await this.proceed(NEXT);
      }
      this.show(page);
    } catch (problem) {
      this.fail(problem);
    }
  }

  // Returns what is wanted then, and the page, if it came along.
  async deliver() {
    this.enter("pending");
    const { page, then: wanted = NEXT } = this.outbox.pending;
    const stored = await this.patience.persist(() => this.outbox.deliver(), this.waiting);
    this.drafts.drop(page);
    this.lastCommitted = { page };
    this.tellMerged(stored);
    this.dispatch("numbers", { detail: stored });
    this.dispatch("stored", { detail: stored });
    this.enter("loading", storedWords(stored));
    return { wanted, page: stored.next ?? null };
  }

  // The sample of a lot is shown, or, if it has been looked at, what may be said of the lot.
  async judge(id) {
    const lot = await this.patience.persist(() => send("GET", `${this.lotsValue}/${id}`), this.waiting);
    if (lot.state !== "judged") return this.proceed(NEXT);
    this.page = null;
    this.shown = null;
    this.gridTarget.hidden = true;
    this.gridTarget.replaceChildren();
    this.finishedTarget.hidden = true;
    this.element.dataset.kind = "sample";
    this.enter("judged");
    this.dispatch("judged", { detail: { lot } });
  }

  // The rest of a lot was accepted.
  accepted({ detail: { stored, lot } }) {
    this.lastCommitted = { lot };
    this.dispatch("numbers", { detail: stored });
    this.enter("loading", `${stored.accepted.toLocaleString("en")} accepted by sample`);
    this.proceed(NEXT);
  }

  // A lot was drawn, given up or is looked at further: its page, or the next one, is to be shown.
  turned() {
    this.foresight.rest();
    this.enter("loading");
    this.proceed(NEXT);
  }

  // What is asked for while an undo is under way is undone after it.
  undo() {
    this.undoes = this.undoes.then(() => this.undoLast());
  }

  async undoLast() {
    if (!this.canUndo) return;
    const before = this.state;
    const { page, lot } = this.lastCommitted;
    const undone = page ? `${this.pagesValue}/${page}` : `${this.lotsValue}/${lot}`;
    this.foresight.rest();
    this.enter("undoing");
    try {
      await this.patience.persist(() => undoCommit(undone), this.waiting);
    } catch (problem) {
      this.enter(before, problem.message);
      return;
    }
    this.lastCommitted = null;
    this.enter("loading");
    await this.proceed(lot ? { lot } : NEXT);
    if (["open", "judged"].includes(this.state)) this.enter(this.state, "Undone");
    await this.refreshNumbers();
  }

  show(page) {
    this.finishedTarget.hidden = page.id !== null;
    this.gridTarget.hidden = page.id === null;
    this.page = page.id;
    this.shown = page;
    this.element.dataset.kind = page.kind ?? "next";
    const marks = this.drafts.of(page.id) ?? page.marks;
    this.gridTarget.replaceChildren(...tilesOfPage(page.candidates, marks, (image) => this.foresight.take(image)));
    if (page.id === null) {
      this.finishedHeadingTarget.textContent = page.leased ? "Others are looking at the rest" : "Nothing is left to show";
      this.finishedMessageTarget.textContent = page.message;
      this.againTarget.hidden = !page.leased;
      this.labelsTarget.classList.toggle("button--primary", !page.leased);
      this.enter("finished", this.wish);
      this.wish = undefined;
      return;
    }
    this.tellMerged(page);
    this.enter("open", this.wish);
    this.wish = undefined;
    this.dispatch("shown", { detail: { page } });
    this.stopwatch.restart();
    if (this.kind === "next") this.foresight.consider(this.page, this.decision);
  }

  // The class may have been merged into another one since this page was opened, or the merge taken back.
  tellMerged({ message }) {
    this.mergedTarget.textContent = message ?? "";
    this.mergedTarget.hidden = !message;
  }

  marked() {
    this.drafts.keep(this.page, this.decision);
    if (this.kind === "next") this.foresight.consider(this.page, this.decision);
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

  // What others were looking at may be free by now.
  again() {
    if (this.state !== "finished") return;
    this.enter("loading");
    this.proceed(NEXT);
  }

  enter(state, words) {
    this.element.dataset.state = state;
    this.commitTarget.disabled = state !== "open";
    this.tellDecided();
    this.dispatch("state", { detail: { state, words } });
  }

  // Where this review has decided nothing, there is nothing to undo, nor to be looked at once more.
  tellDecided() {
    this.undoTarget.disabled = !this.canUndo;
    if (this.hasSecondLookTarget) this.secondLookTarget.hidden = !this.lastCommitted;
  }

  async refreshNumbers() {
    const before = this.lastCommitted;
    const review = await send("GET", this.urlValue).catch(() => null);
    if (review) this.tellVersion(review);
    // A page that was stored meanwhile has brought newer numbers.
    if (review === null || this.lastCommitted !== before) return review;
    const { last_committed_page: page, last_committed_lot: lot } = review;
    this.lastCommitted = page ? { page } : lot ? { lot } : null;
    this.tellDecided();
    this.dispatch("numbers", { detail: review });
    return review;
  }

  // What Enter brings after a page of this kind.
  get following() {
    if (this.kind === "sample") return { lot: this.shown.lot };
    if (this.kind === "second") return { kind: "second", of: this.secondOf };
    return NEXT;
  }

  // A second look goes on with the verdicts that it began with.
  get secondOf() {
    const { rejected, unsure } = this.shown.marks;
    const all = this.shown.candidates.length;
    return rejected.length === all ? "reject" : unsure.length === all ? "unsure" : "accept";
  }

  // How pages are to be: the size, where doubtful ones stand, whether known negatives may be planted.
  get manner() {
    const { gather: doubtful, plant } = attention();
    return { size: pageSize(this.gridTarget), doubtful, plant };
  }

  get kind() {
    return this.element.dataset.kind;
  }

  get decision() {
    return decisionOf(tilesOf(this.gridTarget));
  }

  get canUndo() {
    return ["open", "finished", "judged"].includes(this.state) && Boolean(this.lastCommitted);
  }

  get state() {
    return this.element.dataset.state;
  }
}

function storedWords({ accepted, rejected, unsure, planted, missed, by_others }) {
  const stored = `${accepted + rejected + unsure} stored`;
  const words = by_others.length ? `${stored}, ${by_others.length} decided by others` : stored;
  if (!planted) return words;
  if (!missed.length) return `${words}, planted ${planted === 1 ? "one" : "ones"} caught`;
  return `${words}, ${missed.length} planted ${missed.length === 1 ? "one" : "ones"} overlooked`;
}

function sameSet(one, other) {
  return one.length === other.length && one.every((each) => other.includes(each));
}
