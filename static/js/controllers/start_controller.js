// Starts a review of the chosen class, from whatever query it is given.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { recall, remember } from "../lib/memory.js";

export default class extends Controller {
  static targets = ["class", "problem"];
  static values = { reviews: String, page: String, pool: String, ready: Boolean };

  // Called for each class as it appears, also for one just created.
  classTargetConnected(choice) {
    const usual = recall(this.memory);
    if (choice.value && (choice.value === usual || (usual === null && this.classTargets.length === 1))) choice.checked = true;
  }

  // A browser that comes back to the page may restore its radios by position, where a class was added meanwhile.
  recallClass() {
    const usual = recall(this.memory);
    for (const choice of this.classTargets) if (choice.value === usual) choice.checked = true;
  }

  chosen({ target }) {
    remember(this.memory, target.value);
    this.problemTarget.hidden = true;
  }

  labelled() {
    this.start({ query: { labelled: true } });
  }

  begin({ detail }) {
    this.start(detail);
  }

  // `query` is the API's, `files` are uploads, and `tile` is the picture to show as busy, if there is one.
  async start({ query, files = [], tile }) {
    const chosen = this.classTargets.find((target) => target.checked)?.value;
    if (!this.readyValue) return this.object("There has to be an index first: see above.");
    if (!chosen) {
      // Who may make no class has no field for it.
      const field = this.classTargets[0] ?? document.querySelector("#new-class");
      if (this.classTargets.length) this.object("Choose a class first.");
      else this.object(field ? "Create a class first: type its name." : "There has to be a class first: see beside the pictures who makes one.");
      field?.focus();
      return;
    }
    if (this.starting) return;
    this.starting = true;
    this.problemTarget.hidden = true;
    tile?.setAttribute("aria-busy", "true");
    try {
      const review = await send("POST", this.reviewsValue, files.length ? form(chosen, query, files) : { class: chosen, query });
      location.assign(`${this.pageValue}/${review.id}`);
    } catch (problem) {
      this.object(problem.message);
    } finally {
      this.starting = false;
      tile?.removeAttribute("aria-busy");
    }
  }

  object(sentence) {
    this.problemTarget.textContent = sentence;
    this.problemTarget.hidden = false;
  }

  get memory() {
    return `class:${this.poolValue}`;
  }
}

function form(chosen, query, files) {
  const form = new FormData();
  form.set("class", chosen);
  form.set("query", JSON.stringify(query));
  for (const file of files) form.append("upload", file, file.name || "pasted.png");
  return form;
}
