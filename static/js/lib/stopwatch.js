// Measures how long something was looked at: time in a hidden tab does not count.

export class Stopwatch {
  #seen = 0;
  #since = null;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#toggle());
  }

  restart() {
    this.#seen = 0;
    this.#since = document.visibilityState === "visible" ? performance.now() : null;
  }

  get milliseconds() {
    return Math.round(this.#seen + (this.#since === null ? 0 : performance.now() - this.#since));
  }

  #toggle() {
    this.#seen = this.milliseconds;
    this.#since = document.visibilityState === "visible" ? performance.now() : null;
  }
}
