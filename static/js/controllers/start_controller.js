// Starts a review of the chosen class: from a picture of the pool, or from one's own that is chosen, dropped or pasted.

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

  picture(event) {
    const tile = event.target.closest(".tile");
    if (tile) this.start((chosen) => ({ class: chosen, query: { images: [tile.dataset.image] } }), tile);
  }

  choose({ target }) {
    if (target.files.length) this.startFrom(target.files[0]);
    target.value = "";
  }

  paste(event) {
    const file = pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    this.startFrom(file);
  }

  over(event) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    this.element.dataset.dropping = "";
  }

  left(event) {
    if (!this.element.contains(event.relatedTarget)) delete this.element.dataset.dropping;
  }

  drop(event) {
    delete this.element.dataset.dropping;
    const file = pictureIn(event.dataTransfer);
    if (!file) return;
    event.preventDefault();
    this.startFrom(file);
  }

  startFrom(file) {
    this.start((chosen) => {
      const form = new FormData();
      form.set("class", chosen);
      form.set("upload", file, file.name || "pasted.png");
      return form;
    });
  }

  async start(bodyFor, tile) {
    const chosen = this.classTargets.find((target) => target.checked)?.value;
    if (!this.readyValue) return this.object("Build the index first: the button is above.");
    if (!chosen) {
      this.object(this.classTargets.length ? "Choose a class first." : "Create a class first: type its name.");
      (this.classTargets[0] ?? document.querySelector("#new-class")).focus();
      return;
    }
    if (this.starting) return;
    this.starting = true;
    tile?.setAttribute("aria-busy", "true");
    try {
      const review = await send("POST", this.reviewsValue, bodyFor(chosen));
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
    this.problemTarget.scrollIntoView({ block: "nearest" });
  }

  get memory() {
    return `class:${this.poolValue}`;
  }
}

function pictureIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}
