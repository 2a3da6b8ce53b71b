// Shows a secret once: a token just made, or the password just given to somebody. Afterwards the page is loaded anew.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

// No letters that are taken for one another; 16 of these 31 hold 79 bits.
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

export default class extends Controller {
  static targets = ["dialog", "name", "secret", "command", "said"];
  static values = { address: String };

  // Before the form is sent: without a password, one is made up.
  makeUp({ target }) {
    target.elements.password.value ||= madeUp();
  }

  show(event) {
    const { answer, values } = event.detail;
    const secret = answer?.token ?? values.password;
    if (!secret) return;
    event.preventDefault();
    if (this.hasNameTarget) this.nameTarget.textContent = values.name ?? event.target.dataset.person;
    this.secretTarget.value = secret;
    if (this.hasCommandTarget) {
      const address = new URL(this.addressValue, location.href);
      this.commandTarget.value = `curl --header "Authorization: Bearer ${secret}" ${address}`;
    }
    this.dialogTarget.showModal();
    this.secretTarget.select();
  }

  async copy({ currentTarget }) {
    const field = currentTarget.parentElement.querySelector("input");
    field.select();
    try {
      // Missing where the page does not come by https or from this machine.
      await navigator.clipboard.writeText(field.value);
      this.saidTarget.textContent = "Copied.";
    } catch {
      this.saidTarget.textContent = "It is selected; copy it with Ctrl+C.";
    }
  }

  reload() {
    location.reload();
  }
}

function madeUp() {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => LETTERS[byte % LETTERS.length]).join("");
  return letters.match(/..../g).join("-");
}
