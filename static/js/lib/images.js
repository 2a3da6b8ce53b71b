// Where thumbnails are.

export function thumbnail(images, image, size = 256) {
  return `${images}/${image}/thumbnail?size=${size}`;
}

export function blank() {
  const element = new Image();
  element.decoding = "sync";
  return element;
}

export function picture(images, image, priority) {
  const element = blank();
  element.fetchPriority = priority;
  element.src = thumbnail(images, image);
  return element;
}

// Lets an <img> show a file that has come already.
export function fill(element, file) {
  const address = URL.createObjectURL(file);
  // The <img> keeps what it shows; the address would keep the file for as long as the page is open.
  for (const end of ["load", "error"]) element.addEventListener(end, () => URL.revokeObjectURL(address), { once: true });
  element.src = address;
}
