// Shows the API's description; what to load stands in the page.
const place = document.getElementById("api-docs");

window.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: true,
  // Nothing is asked of other hosts, not even whether the description is valid.
  validatorUrl: null,
});
