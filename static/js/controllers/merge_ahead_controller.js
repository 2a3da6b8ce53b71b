// Tells what a merge would bring together, before it is asked for.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["into", "ahead"];

  async tell() {
    const into = this.intoTarget.value;
    const url = `${this.element.dataset.apiFormUrlValue}?into=${encodeURIComponent(into)}`;
    this.aheadTarget.textContent = "";
    if (!into) return;
    try {
      const ahead = await send("GET", url);
      if (into === this.intoTarget.value) this.aheadTarget.textContent = sentence(ahead);
    } catch (problem) {
      this.aheadTarget.textContent = problem.message;
    }
  }
}

function sentence({ class: name, into, counts, into_counts: others, both }) {
  const moved = `What “${name}” has (${told(counts)}) will count for “${into}” (${told(others)}).`;
  const pictures = both === 1 ? "One picture has" : `${both.toLocaleString("en")} pictures have`;
  const conflict = both ? ` ${pictures} a verdict for both: the pool's rule decides.` : "";
  return `${moved}${conflict} Open reviews of “${name}” go on for “${into}”. It can be taken back.`;
}

function told({ accepted, rejected, unsure }) {
  const words = [`${accepted.toLocaleString("en")} accepted`, `${rejected.toLocaleString("en")} rejected`];
  if (unsure) words.push(`${unsure.toLocaleString("en")} unsure`);
  return words.join(", ");
}
