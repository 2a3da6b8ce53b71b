// Verdicts changed on the page of a class: each change is stored at once and can be undone.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { say } from "../lib/say.js";
import { cursorTile, setVerdict, tilesBetween } from "../lib/tile.js";

const WORDS = { accept: "accepted", reject: "rejected", unsure: "unsure" };

export default class extends Controller {
  static targets = ["mode", "undo", "accepted", "rejected", "unsure", "open", "openTab", "status", "problem"];
  // `home` is the verdict that this page lists.
  static values = { url: String, commits: String, home: String };

  connect() {
    this.done = [];
    this.stroked = new Set();
    this.modeTargets[0].checked = true;
    // The changes are sent one after another, so that an undo meets what it undoes.
    this.queue = Promise.resolve();
  }

  accept() {
    this.change([cursorTile(this.element)], "accept");
  }

  reject() {
    const tile = cursorTile(this.element);
    this.change([tile], tile?.dataset.verdict === "reject" ? "accept" : "reject");
  }

  unsure() {
    this.change([cursorTile(this.element)], "unsure");
  }

  tap({ detail: { tile, from } }) {
    const tiles = from ? tilesBetween(this.element, from, tile) : [tile];
    const all = tiles.every((each) => each.dataset.verdict === this.mode);
    tile.focus({ preventScroll: true });
    this.change(tiles, all ? this.homeValue : this.mode);
  }

  stroke({ detail: { first, tiles } }) {
    if (tiles[0] === first) this.painting = first.dataset.verdict === this.mode ? this.homeValue : this.mode;
    for (const tile of tiles) {
      this.stroked.add(tile);
      tile.dataset.preview = this.painting;
    }
  }

  strokeEnd() {
    for (const tile of this.stroked) delete tile.dataset.preview;
    this.change([...this.stroked], this.painting);
    this.stroked.clear();
  }

  change(tiles, verdict) {
    const changing = tiles.filter((tile) => tile && tile.dataset.verdict !== verdict);
    if (!changing.length) return;
    const before = changing.map((tile) => tile.dataset.verdict);
    for (const tile of changing) setVerdict(tile, verdict);
    this.inTurn(async () => {
      const images = changing.map((tile) => tile.dataset.image);
      try {
        const { commit, labels } = await send("POST", this.urlValue, { images, verdict });
        this.done.push({ commit, changing, before });
        this.tell(labels, `${images.length} ${WORDS[verdict]}`);
      } catch (problem) {
        restore(changing, before);
        throw problem;
      }
    });
  }

  undo() {
    this.inTurn(async () => {
      const last = this.done.at(-1);
      if (!last) return;
      await send("DELETE", `${this.commitsValue}/${last.commit}`);
      this.done.pop();
      restore(last.changing, last.before);
      const { labels } = await send("GET", `${this.urlValue.replace(/verdicts$/, "images")}?limit=1`);
      this.tell(labels, "Undone");
    });
  }

  inTurn(action) {
    say(this.statusTarget, "Storing…", "pending");
    this.queue = this.queue.then(async () => {
      try {
        await action();
        this.problemTarget.hidden = true;
      } catch (problem) {
        say(this.statusTarget, "Not stored", "failed");
        this.problemTarget.textContent = `${problem.message} The change was not stored; the picture shows its old verdict again.`;
        this.problemTarget.hidden = false;
      }
      this.undoTarget.disabled = !this.done.length;
    });
  }

  tell(labels, words) {
    for (const word of ["accepted", "rejected", "unsure", "open"]) this[`${word}Target`].textContent = labels[word].toLocaleString("en");
    if (labels.open) this.openTabTarget.hidden = false;
    say(this.statusTarget, words);
  }

  get mode() {
    return this.modeTargets.find((target) => target.checked).value;
  }
}

function restore(tiles, verdicts) {
  tiles.forEach((tile, index) => setVerdict(tile, verdicts[index]));
}
