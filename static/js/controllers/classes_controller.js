// The list of a pool's classes, to which a new one can be added.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { remember } from "../lib/memory.js";

export default class extends Controller {
  static targets = ["list", "template", "name", "problem"];
  static values = { url: String, page: String, pool: String };

  async create(event) {
    event.preventDefault();
    this.problemTarget.hidden = true;
    try {
      const { name } = await send("POST", this.urlValue, { name: this.nameTarget.value });
      this.add(name);
      this.nameTarget.value = "";
    } catch (problem) {
      this.problemTarget.textContent = problem.message;
      this.problemTarget.hidden = false;
    }
  }

  add(name) {
    const line = this.templateTarget.content.firstElementChild.cloneNode(true);
    const choice = line.querySelector("input");
    const counts = line.querySelector("a");
    choice.value = name;
    choice.checked = true;
    line.querySelector(".class-line__name").textContent = name;
    counts.href = `${this.pageValue}/${encodeURIComponent(name)}`;
    counts.setAttribute("aria-label", `Labels of ${name}: none yet`);
    remember(`class:${this.poolValue}`, name);
    this.listTarget.insertBefore(line, this.firstAfter(name));
    choice.focus();
  }

  // The server lists the classes alike: by name, in either case.
  firstAfter(name) {
    const lines = [...this.listTarget.children];
    return lines.find((line) => line.querySelector("input").value.toLowerCase() > name.toLowerCase()) ?? null;
  }
}
