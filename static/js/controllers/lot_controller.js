// Acceptance by sample: a lot is chosen in a dialog; when its sample has been looked at, it is judged.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["dialog", "size", "left", "looks", "problem", "draw", "panel", "statement", "corrected", "facts", "accept", "further", "trouble"];
  static values = { url: String, lots: String };

  // From a key or a button; from the strip, with how many.
  choose({ detail } = {}) {
    if (this.element.dataset.state !== "open" || this.dialogTarget.open || this.looking) return;
    if (this.dispatch("leaving", { cancelable: true }).defaultPrevented) return;
    if (detail?.count) this.sizeTarget.value = detail.count;
    this.problemTarget.hidden = true;
    this.dialogTarget.showModal();
    this.sizeTarget.select();
  }

  // What the outlook knows: how many are left, and how many of the best probably match.
  suggest({ detail: { outlook } }) {
    this.leftTarget.textContent = outlook.remaining.toLocaleString("en");
    this.sizeTarget.max = outlook.remaining;
    if (!this.dialogTarget.open) this.sizeTarget.value = Math.min(Math.max(outlook.cut ?? 0, 60), outlook.remaining);
  }

  async draw(event) {
    event.preventDefault();
    const looks = Number(this.looksTargets.find((target) => target.checked).value);
    await this.busy(this.drawTarget, this.problemTarget, async () => {
      await send("POST", `${this.urlValue}/lots`, { size: Number(this.sizeTarget.value), looks });
      this.dialogTarget.close();
      this.dispatch("turned");
    });
  }

  // The sample has been looked at.
  show({ detail: { lot } }) {
    this.lot = lot;
    this.statementTarget.textContent = lot.statement;
    this.correctedTarget.textContent = lot.corrected ?? "";
    const told = [`${count(lot.accepted)} of ${count(lot.seen)} in the sample match`];
    if (lot.rejected) told.push(`${count(lot.rejected)} rejected`);
    if (lot.unsure) told.push(`${count(lot.unsure)} unsure, counted as rejected`);
    this.factsTarget.textContent = `${told.join(", ")}. ${count(lot.rest)} of the lot have been seen by nobody.`;
    this.acceptTarget.querySelector("b").textContent = count(lot.rest);
    this.acceptTarget.hidden = lot.rest === 0;
    // Where the sample speaks against it, Enter alone does not accept.
    this.acceptTarget.classList.toggle("button--primary", !lot.poor);
    this.acceptTarget.querySelector("kbd").textContent = lot.poor ? "A" : "Enter";
    this.furtherTarget.hidden = lot.next_look === null;
    this.furtherTarget.querySelector("b").textContent = lot.next_look ?? "";
    this.troubleTarget.hidden = true;
    this.panelTarget.hidden = false;
    this.panelTarget.focus();
  }

  // Another state of the review has come.
  follow({ detail: { state } }) {
    if (state !== "judged") this.panelTarget.hidden = true;
  }

  async acceptByEnter() {
    if (this.judged && !this.lot.poor) await this.accept();
  }

  async accept() {
    if (!this.judged || this.lot.rest === 0) return;
    await this.busy(this.acceptTarget, this.troubleTarget, async () => {
      const stored = await send("POST", `${this.lotsValue}/${this.lot.id}/commit`, {});
      this.dispatch("accepted", { detail: { stored, lot: this.lot.id } });
    });
  }

  async further() {
    if (!this.judged || this.lot.next_look === null) return;
    await this.busy(this.furtherTarget, this.troubleTarget, async () => {
      await send("POST", `${this.lotsValue}/${this.lot.id}/pages`);
      this.dispatch("turned");
    });
  }

  // Back to single pages, from the judgement or from the sample's page.
  async giveUp() {
    const id = this.judged ? this.lot.id : this.looking;
    if (!id || this.dispatch("leaving", { cancelable: true }).defaultPrevented) return;
    await this.busy(null, this.troubleTarget, async () => {
      await send("DELETE", `${this.lotsValue}/${id}`);
      this.dispatch("turned");
    });
  }

  // Which lot the page on the screen is a sample of.
  shown({ detail: { page } }) {
    this.looking = page.lot;
  }

  async busy(button, place, action) {
    if (this.waiting) return;
    this.waiting = true;
    if (button) button.disabled = true;
    place.hidden = true;
    try {
      await action();
    } catch (problem) {
      place.textContent = problem.message;
      place.hidden = false;
    } finally {
      this.waiting = false;
      if (button) button.disabled = false;
    }
  }

  get judged() {
    return this.element.dataset.state === "judged";
  }
}

function count(number) {
  return number.toLocaleString("en");
}
