// The notice over the grid when something went wrong: what, and what can be done. It goes when the work goes on.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  static targets = ["notice", "message", "discard"];

  show({ detail: { sentence, discard = false } }) {
    this.messageTarget.textContent = sentence;
    this.discardTarget.hidden = !discard;
    this.noticeTarget.hidden = false;
  }

  follow({ detail: { state } }) {
    if (state === "open" || state === "finished") this.noticeTarget.hidden = true;
  }
}
