// Names for what is stored, so that the server sees when the same thing is sent again.

// `crypto.randomUUID` exists only on secure origins; a server in the next room is none.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
