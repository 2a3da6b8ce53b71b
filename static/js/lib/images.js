// Where thumbnails are.

export function thumbnail(images, image, size = 256) {
  return `${images}/${image}/thumbnail?size=${size}`;
}

export function picture(images, image, priority) {
  const element = new Image();
  element.fetchPriority = priority;
  element.decoding = "sync";
  element.src = thumbnail(images, image);
  return element;
}
