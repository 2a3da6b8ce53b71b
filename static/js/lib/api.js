// Requests to Winnow's own API. Every failure is a Problem with a sentence for the person.

const PATIENCE_MS = 30_000;

export class Problem extends Error {
  // `errors` name the fields at fault, each with a message of its own; `more` is whatever else the answer says.
  constructor(sentence, { status = 0, code = "", errors = [], ...more } = {}) {
    super(sentence);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.more = more;
  }

  // Whether the same request may well succeed a moment later, or once somebody has logged in again in another tab.
  get passing() {
    return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500;
  }
}

// Sends a request and returns the JSON of its answer, or the form that it is. `body` is sent as JSON, or as it is if it
// is FormData.
export async function send(method, url, body) {
  const isForm = body instanceof FormData;
  let response;
  try {
    response = await fetch(url, {
      method,
      // Going back or forward, a browser shows what its cache holds, however old.
      cache: "no-store",
      headers: body === undefined || isForm ? {} : { "Content-Type": "application/json" },
      body: body === undefined || isForm ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.ok) return response.status === 204 ? null : await contentOf(response);
  } catch {
    // The request or its answer was lost on the way.
    throw new Problem("The server cannot be reached.");
  }
  throw await problemOf(response);
}

function contentOf(response) {
  return response.headers.get("Content-Type").startsWith("multipart/form-data") ? response.formData() : response.json();
}

async function problemOf(response) {
  try {
    const { detail, ...told } = await response.json();
    return new Problem(detail, { ...told, status: response.status });
  } catch {
    return new Problem(`The server answered ${response.status}.`, { status: response.status });
  }
}
