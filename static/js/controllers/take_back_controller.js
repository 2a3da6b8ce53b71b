// Takes something back that was stored, after asking once more; then the page shows how it stands.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["dialog", "what", "problem", "confirm"];

  // The button's parameters are the `url` to delete, and `what` that is.
  ask({ params: { url, what } }) {
    this.url = url;
    this.whatTarget.textContent = what;
    this.problemTarget.hidden = true;
    this.confirmTarget.disabled = false;
    this.dialogTarget.showModal();
  }

  async confirm(event) {
    event.preventDefault();
    this.confirmTarget.disabled = true;
    try {
      await send("DELETE", this.url);
      location.reload();
    } catch (problem) {
      this.problemTarget.textContent = problem.message;
      this.problemTarget.hidden = false;
    }
  }

  close() {
    this.dialogTarget.close();
  }
}
