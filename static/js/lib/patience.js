// Tries again, for as long as it takes, what failed for a passing reason.

const WAITS_S = [1, 2, 4, 8, 15];

export class Patience {
  #wake = null;

  // Resolves with what `action` resolves with; rejects with its first failure that will not pass.
  // `onWait(problem, seconds)` is told before each wait.
  async persist(action, onWait) {
    for (let failures = 0; ; failures++) {
      try {
        return await action();
      } catch (problem) {
        if (!problem.passing) throw problem;
        const seconds = WAITS_S[Math.min(failures, WAITS_S.length - 1)];
        onWait(problem, seconds);
        await this.#sleep(seconds * 1000);
      }
    }
  }

  // Ends the present wait, if there is one.
  hurry() {
    this.#wake?.();
  }

  #sleep(milliseconds) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        removeEventListener("online", wake);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      addEventListener("online", wake);
      this.#wake = wake;
    });
  }
}
