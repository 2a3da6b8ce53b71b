// Sends the fields of a form as JSON; what has changed by that is then shown: the page anew, that of what the answer
// names, such as the job that began, or a sentence that says so. Until this has been loaded, a form of the method
// “dialog” sends nothing anywhere, so that no password gets into an address.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  // A `fault` is the place for what is wrong with the field that its `data-field` names.
  static targets = ["button", "problem", "fault", "done"];
  // `then` is where the pages are of what the answer names in its field `answer`; by default jobs.
  static values = { url: String, method: { type: String, default: "POST" }, then: String, answer: { type: String, default: "job" } };

  async send(event) {
    event.preventDefault();
    this.buttonTarget.disabled = true;
    this.clear();
    try {
      const values = valuesOf(event.target);
      const answer = await send(this.methodValue, addressOf(event.target, this.urlValue), values);
      // Somebody may want to show what the page will not hold when it is loaded anew.
      if (this.dispatch("done", { detail: { answer, values }, cancelable: true }).defaultPrevented) return;
      if (this.hasDoneTarget) this.say(event.target);
      else if (this.thenValue) location.assign(`${this.thenValue}/${encodeURIComponent(answer[this.answerValue])}`);
      else location.reload();
    } catch (problem) {
      this.buttonTarget.disabled = false;
      this.tell(problem);
    }
  }

  clear() {
    this.problemTarget.hidden = true;
    if (this.hasDoneTarget) this.doneTarget.hidden = true;
    for (const fault of this.faultTargets) {
      fault.hidden = true;
      this.fieldOf(fault)?.removeAttribute("aria-invalid");
    }
  }

  say(form) {
    form.reset();
    this.buttonTarget.disabled = false;
    this.doneTarget.hidden = false;
  }

  tell(problem) {
    const found = this.faultTargets.filter((fault) => problem.errors.some(({ field }) => field === fault.dataset.field));
    for (const fault of found) {
      fault.textContent = problem.errors.find(({ field }) => field === fault.dataset.field).message;
      fault.hidden = false;
      this.fieldOf(fault)?.setAttribute("aria-invalid", "true");
    }
    if (found.length) return this.fieldOf(found[0])?.focus();
    this.problemTarget.replaceChildren(...told(problem, this.urlValue));
    this.problemTarget.hidden = false;
  }

  fieldOf(fault) {
    return fault.closest(".field").querySelector("input:checked, input:not([type=radio]), select");
  }
}

// The sentence of a problem, in which the job that is in the way is a link to its page. That is found from an address of
// the API, which has before it whatever prefix a proxy has put there.
function told({ message, more: { job } = {} }, url) {
  const name = `job ${job}`;
  const at = message.lastIndexOf(name);
  if (at < 0) return [message];
  const link = Object.assign(document.createElement("a"), { href: url.replace(/\/api\/v1\/.*/, `/jobs/${job}`), textContent: name });
  return [message.slice(0, at), link, message.slice(at + name.length)];
}

// A field with `data-segment` says what the address ends with.
function addressOf(form, url) {
  const last = [...form.elements].find(({ dataset }) => "segment" in dataset);
  return last ? `${url}/${encodeURIComponent(last.value)}` : url;
}

// Empty fields are left out. Those with `data-change` become changes to a recipe; `data-type` is of what is no text.
function valuesOf(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    const { dataset } = form.elements[name];
    if (!value || (dataset && "segment" in dataset)) continue;
    if (dataset && "change" in dataset) (values.changes ??= []).push(`${name}=${value}`);
    else values[name] = dataset?.type ? JSON.parse(value) : value;
  }
  return values;
}
