// The notice over the grid when something went wrong: what, and what can be done. It goes when the work goes on.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

const STANDING = {
  loading: "The next page could not be fetched.",
  pending: "The page is not stored yet; it is kept in this browser.",
  undoing: "The last page is not undone yet.",
};

export default class extends Controller {
  static targets = ["notice", "message", "discard"];

  // `seconds` until it is tried again, if it is.
  show({ detail: { problem, during, seconds, discard = false } }) {
    const waiting = seconds ? ` ${STANDING[during]} Trying again in ${seconds} s.` : "";
    this.messageTarget.textContent = problem.message + waiting;
    this.discardTarget.hidden = !discard;
    this.noticeTarget.hidden = false;
  }

  follow({ detail: { state } }) {
    if (state === "open" || state === "finished") this.noticeTarget.hidden = true;
  }
}
