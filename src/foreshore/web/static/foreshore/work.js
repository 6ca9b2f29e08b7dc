// Completion of the query, and ticking all rows of a page; both are extras.
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-fill]");
    if (!button) return;
    var query = document.querySelector("[data-query]");
    if (!query) return;
    event.preventDefault();
    query.value = button.dataset.fill;
    query.focus();
    query.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // Escape puts the suggestions away.
  document.addEventListener("keydown", function (event) {
    var found = document.getElementById("suggest");
    if (event.key === "Escape" && found) found.replaceChildren();
  });
  document.addEventListener("change", function (event) {
    var all = event.target.closest("[data-all]");
    if (!all) return;
    document.querySelectorAll("input[name=exposure]").forEach(function (one) { one.checked = all.checked; });
  });
})();
