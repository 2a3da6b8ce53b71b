// The classes of a pool as they come along: their labels, and who else is at work on them.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { byPerson } from "../lib/at_work.js";

export default class extends Controller {
  static targets = ["line"];

  told({ detail: { classes } }) {
    for (const line of this.lineTargets) {
      const name = line.querySelector("input").value;
      const busy = classes.find((each) => each.class === name);
      this.tellPeople(line.querySelector(".class-line__people"), busy?.reviews ?? []);
      if (busy) this.tellLabels(line.querySelector(".class-line__counts"), busy);
    }
  }

  tellPeople(element, reviews) {
    const people = byPerson(reviews.filter(({ mine }) => !mine)).map(({ person }) => person);
    const words = people.length ? `${people.join(", ")} at work` : "";
    element.hidden = !words;
    if (element.textContent !== words) element.textContent = words;
  }

  tellLabels(link, { class: name, labels: { accepted, rejected, unsure } }) {
    const words = `${accepted} accepted, ${rejected} rejected, ${unsure} unsure`;
    link.title = words;
    link.setAttribute("aria-label", `Labels of ${name}: ${words}`);
    link.querySelector("span").textContent = accepted.toLocaleString("en");
  }
}
