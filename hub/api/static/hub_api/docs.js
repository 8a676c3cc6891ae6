// Shows the OpenAPI document of this hub; requests made from the page carry the session's CSRF token.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: document.getElementById("docs").dataset.document,
    dom_id: "#docs",
    deepLinking: true,
    persistAuthorization: false,
    requestInterceptor: (request) => {
      const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
      if (token) request.headers["X-CSRFToken"] = token[1];
      return request;
    },
  });
});
