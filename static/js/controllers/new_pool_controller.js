// Creates a pool and imports its first folder; an import that is refused can be corrected without a second pool.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";

export default class extends Controller {
  static targets = ["button", "problem"];
  static values = { pools: String, page: String };

  async create(event) {
    event.preventDefault();
    const { name, folder, classes_per_image } = Object.fromEntries(new FormData(event.target));
    this.buttonTarget.disabled = true;
    this.problemTarget.hidden = true;
    try {
      if (this.created?.asked !== name) {
        const pool = await send("POST", this.poolsValue, { name, classes_per_image });
        this.created = { asked: name, name: encodeURIComponent(pool.name) };
      }
      await send("POST", `${this.poolsValue}/${this.created.name}/imports`, { folder, reindex: true });
      location.assign(`${this.pageValue}/${this.created.name}`);
    } catch (problem) {
      this.problemTarget.textContent = problem.message;
      this.problemTarget.hidden = false;
      this.buttonTarget.disabled = false;
    }
  }
}
