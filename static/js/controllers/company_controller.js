// Who else is labelling the class of a review, in a sentence, which a second review has no room for.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { byPerson } from "../lib/at_work.js";

export default class extends Controller {
  static targets = ["people"];
  static values = { review: Number };

  told({ detail: { classes } }) {
    const [busy] = classes;
    if (this.hasPeopleTarget) this.tell((busy?.reviews ?? []).filter(({ review }) => review !== this.reviewValue));
    if (busy) this.dispatch("labels", { detail: busy });
  }

  tell(others) {
    this.peopleTarget.hidden = !others.length;
    this.peopleTarget.textContent = byPerson(others).map((other) => this.sentence(other)).join(" ");
  }

  sentence({ person, mine, pages, accepted }) {
    const who = mine ? "You are labelling this class in another window too" : `${person} is labelling this class too`;
    if (!pages) return `${who}.`;
    return `${who}: ${pages.toLocaleString("en")} ${pages === 1 ? "page" : "pages"}, ${accepted.toLocaleString("en")} accepted in the last hour.`;
  }
}
