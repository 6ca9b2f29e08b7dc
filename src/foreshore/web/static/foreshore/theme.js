// Runs before the page is drawn, so that nobody sees the wrong colours first.
(function () {
  var wish = document.documentElement.dataset.theme;
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
