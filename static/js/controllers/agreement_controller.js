// Tells how far people agree on a class, and how each one works, once somebody looks: it takes the longer, the more verdicts there are.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["sentence", "pairs", "pace", "people"];
  static values = { url: String };

  connect() {
    this.observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.tell());
    this.observer.observe(this.element);
  }

  disconnect() {
    this.observer.disconnect();
  }

  async tell() {
    this.observer.disconnect();
    try {
      const { sentence, pairs, people } = await send("GET", this.urlValue);
      this.sentenceTarget.textContent = sentence;
      this.pairsTarget.replaceChildren(...pairs.map(line));
      this.paceTarget.hidden = !people.length;
      this.peopleTarget.replaceChildren(...people.map(line));
    } catch (problem) {
      this.sentenceTarget.textContent = problem.message;
    }
  }
}

function line({ sentence }) {
  return Object.assign(document.createElement("li"), { textContent: sentence });
}
