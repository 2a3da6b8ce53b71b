// The rule of a pool: chosen, and what it made of the labels.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

const KINDS = ["accepted", "rejected", "unsure", "open", "disputed"];
const WORDS = { latest: "latest wins", first: "first wins", lead: "a lead decides" };

export default class extends Controller {
  static targets = ["rule", "majority", "button", "before", "after", "counts", "problem", "told"];
  static values = { url: String };

  connect() {
    this.chosen();
  }

  chosen() {
    this.majorityTarget.disabled = this.rule !== "majority";
  }

  // What was said of the form before holds no more; the browser may have something to say itself.
  edited() {
    this.problemTarget.hidden = true;
  }

  async change(event) {
    event.preventDefault();
    this.buttonTarget.disabled = true;
    this.problemTarget.hidden = true;
    const wanted = this.rule === "majority" ? { rule: this.rule, majority_of: Number(this.majorityTarget.value) } : { rule: this.rule };
    try {
      const { before, labels, rule, majority_of: most } = await send("PUT", this.urlValue, wanted);
      fill(this.beforeTarget, before);
      fill(this.afterTarget, labels);
      this.countsTarget.hidden = false;
      this.toldTarget.textContent = WORDS[rule] ?? `a majority of ${most}`;
      this.dispatch("changed");
    } catch (problem) {
      this.problemTarget.textContent = problem.message;
      this.problemTarget.hidden = false;
    }
    this.buttonTarget.disabled = false;
  }

  get rule() {
    return this.ruleTargets.find((target) => target.checked).value;
  }
}

function fill(row, counts) {
  const cells = KINDS.map((kind) => Object.assign(document.createElement("td"), { textContent: counts[kind].toLocaleString("en") }));
  row.replaceChildren(row.firstElementChild, ...cells);
}
