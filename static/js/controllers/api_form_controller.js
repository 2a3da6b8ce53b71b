// Sends the fields of a form as JSON; what has changed by that is then shown: the page anew, or that of what the answer
// names, such as the job that began.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  // A `fault` is the place for what is wrong with the field that its `data-field` names.
  static targets = ["button", "problem", "fault"];
  // `then` is where the pages are of what the answer names in its field `answer`; by default jobs.
  static values = { url: String, method: { type: String, default: "POST" }, then: String, answer: { type: String, default: "job" } };

  async send(event) {
    event.preventDefault();
    this.buttonTarget.disabled = true;
    this.clear();
    try {
      const answer = await send(this.methodValue, this.urlValue, valuesOf(event.target));
      if (this.thenValue) location.assign(`${this.thenValue}/${encodeURIComponent(answer[this.answerValue])}`);
      else location.reload();
    } catch (problem) {
      this.buttonTarget.disabled = false;
      this.tell(problem);
    }
  }

  clear() {
    this.problemTarget.hidden = true;
    for (const fault of this.faultTargets) {
      fault.hidden = true;
      this.fieldOf(fault)?.removeAttribute("aria-invalid");
    }
  }

  tell(problem) {
    const found = this.faultTargets.filter((fault) => problem.errors.some(({ field }) => field === fault.dataset.field));
    for (const fault of found) {
      fault.textContent = problem.errors.find(({ field }) => field === fault.dataset.field).message;
      fault.hidden = false;
      this.fieldOf(fault)?.setAttribute("aria-invalid", "true");
    }
    if (found.length) return this.fieldOf(found[0])?.focus();
    this.problemTarget.textContent = problem.message;
    this.problemTarget.hidden = false;
  }

  fieldOf(fault) {
    return fault.closest(".field").querySelector("input:checked, input:not([type=radio]), select");
  }
}

// Empty fields are left out. Those with `data-change` become changes to a recipe.
function valuesOf(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    const { dataset } = form.elements[name];
    if (!value) continue;
    if (dataset && "change" in dataset) (values.changes ??= []).push(`${name}=${value}`);
    else values[name] = dataset?.type === "boolean" ? value === "true" : value;
  }
  return values;
}
