// Tells how it stands, in a status line: state is "stored", "pending" or "failed".

export function say(line, words, state = "stored") {
  const said = document.createElement("span");
  said.textContent = words;
  said.dataset.state = state;
  // A new element each time: where messages fade, each fades anew.
  line.replaceChildren(...(words ? [said] : []));
}
