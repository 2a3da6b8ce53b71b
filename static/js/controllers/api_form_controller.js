// Sends the fields of a form as JSON; where that has started a job, the page is shown anew with its progress.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["button", "problem"];
  static values = { url: String };

  async send(event) {
    event.preventDefault();
    this.buttonTarget.disabled = true;
    this.problemTarget.hidden = true;
    try {
      await send("POST", this.urlValue, valuesOf(event.target));
      location.reload();
    } catch (problem) {
      this.problemTarget.textContent = problem.message;
      this.problemTarget.hidden = false;
      this.buttonTarget.disabled = false;
    }
  }
}

function valuesOf(form) {
  const values = Object.fromEntries(new FormData(form));
  for (const field of form.querySelectorAll("[data-type=boolean]")) values[field.name] = field.value === "true";
  return values;
}
