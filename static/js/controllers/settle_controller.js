// Disagreements one after another: a picture, who said what, and a key that settles it. The next one comes by itself.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { thumbnail } from "../lib/images.js";
import { newKey } from "../lib/keys.js";
import { say } from "../lib/say.js";

const AT_ONCE = 50;
const WORDS = { accept: "accepted", reject: "rejected", unsure: "unsure", open: "open", elsewhere: "accepted for another class" };

export default class extends Controller {
  static targets = ["stage", "picture", "class", "label", "path", "said", "place", "status", "problem", "undo", "empty", "elsewhere", "verdict"];
  static values = { url: String, classes: String, commits: String, images: String };

  connect() {
    // Settlements and undos are sent one after another, in the order of the keys.
    this.queue = Promise.resolve();
    this.failures = 0;
    this.restart();
  }

  // Also when another rule may have made other disagreements.
  restart() {
    this.items = [];
    this.done = [];
    this.at = 0;
    this.next = "0";
    this.total = 0;
    this.elsewhere = 0;
    this.inTurn(async () => {
      await this.load();
      this.show();
    });
  }

  settle({ params, detail }) {
    this.pressed(async () => {
      const item = this.items[this.at];
      if (!item) return;
      const verdict = params?.verdict ?? VERDICT_OF[detail.key.toLowerCase()];
      // Not where something else was sent whose answer was lost: that may be stored.
      if (item.settled === verdict && !item.wish) {
        await this.onwards();
        say(this.statusTarget, `${WORDS[verdict]} already: ${item.path}`);
        return;
      }
      // The same key for the same wish, so that it counts once though its answer was lost.
      if (item.wish?.verdict !== verdict) item.wish = { verdict, key: newKey() };
      const stored = await this.send(item);
      item.wish = null;
      this.done.push({ item, commit: stored.commit, before: item.settled });
      item.settled = verdict;
      await this.onwards();
      say(this.statusTarget, `${WORDS[verdict]}: ${item.path}`);
    });
  }

  async send(item) {
    const seen = { [item.image]: item.said.at(-1).id };
    try {
      return await send("POST", `${this.classesValue}/${encodeURIComponent(item.class)}/settlements`, { images: [item.image], seen, ...item.wish });
    } catch (problem) {
      const said = problem.more?.said?.[item.image];
      if (said) this.hear(item, said);
      throw problem;
    }
  }

  // Somebody else has settled it meanwhile: that is shown, and whoever presses again overrides it knowingly.
  hear(item, said) {
    const { class: of, verdict } = said.findLast(({ settles }) => settles);
    Object.assign(item, { said, settled: of === item.class ? verdict : "elsewhere", wish: null });
    this.show();
  }

  undo() {
    this.pressed(async () => {
      const last = this.done.at(-1);
      if (!last) return;
      await send("DELETE", `${this.commitsValue}/${last.commit}`);
      this.done.pop();
      last.item.settled = last.before;
      this.at = this.items.indexOf(last.item);
      this.show();
      say(this.statusTarget, "Undone");
    });
  }

  move({ detail }) {
    this.step(detail.key === "ArrowLeft" ? -1 : 1);
  }

  back() {
    this.step(-1);
  }

  forward() {
    this.step(1);
  }

  step(by) {
    this.pressed(async () => {
      if (this.at + by >= this.items.length) await this.load();
      this.at = Math.max(0, Math.min(this.end, this.at + by));
      this.show();
    });
  }

  // To the next one that is not settled, from here to the end and then from the start.
  async onwards() {
    let ahead = this.following(this.at + 1);
    while (ahead < 0 && this.next !== null) {
      const loaded = this.items.length;
      await this.load();
      ahead = this.following(loaded);
    }
    if (ahead < 0) ahead = this.following(0);
    if (ahead < 0) {
      // What has come since, and how it stands in other classes now.
      this.next = "0";
      await this.load();
      ahead = this.following(0);
    }
    this.at = ahead < 0 ? this.end : ahead;
    this.show();
  }

  // The last one, or with all settled the place behind it, where nothing is shown.
  get end() {
    return this.following(0) < 0 ? this.items.length : this.items.length - 1;
  }

  following(from) {
    return this.items.findIndex((item, place) => place >= from && !item.settled);
  }

  async load() {
    if (this.next === null) return;
    const address = new URL(this.urlValue, location.href);
    address.searchParams.set("limit", AT_ONCE);
    address.searchParams.set("after", this.next);
    const { items, next, total, disputed } = await send("GET", address.href);
    const known = new Map(this.items.map((item) => [idOf(item), item]));
    for (const item of items) {
      const there = known.get(idOf(item));
      if (!there) this.items.push(item);
      // Settled here, and contradicted by somebody since: it is in dispute again.
      else if (there.settled) Object.assign(there, item, { settled: undefined, wish: null });
    }
    this.next = next;
    // What was settled here is in the list, and not in the server's count any more.
    this.total = total + this.settled;
    this.elsewhere = disputed - total;
  }

  show() {
    const item = this.items[this.at];
    this.stageTarget.hidden = !item;
    this.emptyTarget.hidden = Boolean(item);
    this.elsewhereTarget.hidden = !this.elsewhere;
    const left = Math.max(0, this.total - this.settled);
    this.placeTarget.textContent = left === 1 ? "1 is left" : `${left.toLocaleString("en")} are left`;
    if (!item) return;
    this.pictureTarget.src = thumbnail(this.imagesValue, item.image, 1024);
    this.pictureTarget.alt = item.path;
    this.pathTarget.textContent = item.path;
    this.classTarget.textContent = item.class;
    this.labelTarget.textContent = item.settled ? `settled just now: ${WORDS[item.settled]}` : `${WORDS[item.label]} until it is settled`;
    for (const button of this.verdictTargets) button.setAttribute("aria-pressed", String(button.value === item.settled));
    this.saidTarget.replaceChildren(...item.said.map((said) => rowOf(said, item.class)));
    const following = this.items[this.following(this.at + 1)];
    if (following) new Image().src = thumbnail(this.imagesValue, following.image, 1024);
  }

  // What was pressed before a failure was told is let go: it was meant for the picture after that one.
  pressed(action) {
    const { failures } = this;
    this.inTurn(action, () => failures === this.failures);
  }

  inTurn(action, isMeant = () => true) {
    this.queue = this.queue.then(async () => {
      if (!isMeant()) return;
      try {
        await action();
        this.problemTarget.hidden = true;
      } catch (problem) {
        this.failures += 1;
        say(this.statusTarget, "Not done", "failed");
        this.object(problem);
      }
      for (const button of this.undoTargets) button.disabled = !this.done.length;
    });
  }

  get settled() {
    return this.items.filter((item) => item.settled).length;
  }

  object(problem) {
    this.problemTarget.textContent = problem.more?.said ? problem.message : `${problem.message} Press the key again to try again.`;
    this.problemTarget.hidden = false;
  }
}

const VERDICT_OF = { a: "accept", r: "reject", x: "reject", u: "unsure" };

function idOf({ image, class: name }) {
  return `${image} ${name}`;
}

function rowOf({ person, class: of, verdict, settles, when }, asked) {
  const row = document.createElement("tr");
  row.dataset.said = verdict;
  const words = `${WORDS[verdict]}${of === asked ? "" : ` as ${of}`}${settles ? ", as a settlement" : ""}`;
  const moment = Object.assign(document.createElement("time"), { dateTime: when });
  moment.dataset.controller = "when";
  for (const content of [person, words, moment]) {
    const cell = document.createElement("td");
    cell.append(content);
    row.append(cell);
  }
  return row;
}
