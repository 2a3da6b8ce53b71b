// Who else is labelling the class of a review, in a sentence.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  static targets = ["people"];
  static values = { review: Number };

  told({ detail: { classes } }) {
    const [busy] = classes;
    const others = (busy?.reviews ?? []).filter(({ review }) => review !== this.reviewValue);
    this.peopleTarget.hidden = !others.length;
    this.peopleTarget.textContent = others.map((other) => this.sentence(other)).join(" ");
    if (busy) this.dispatch("labels", { detail: busy });
  }

  sentence({ person, mine, pages, accepted }) {
    const who = mine ? "You are labelling this class in another window too" : `${person} is labelling this class too`;
    if (!pages) return `${who}.`;
    return `${who}: ${pages.toLocaleString("en")} ${pages === 1 ? "page" : "pages"}, ${accepted.toLocaleString("en")} accepted in the last hour.`;
  }
}
